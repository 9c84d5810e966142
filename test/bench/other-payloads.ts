import { setTimeout as sleep } from 'node:timers/promises';
import type { Label, NativeHistogram } from '@millrace/model';
import { compressSnappy, encodeWriteRequest } from '@millrace/wire';
import { REMOTE_WRITE_HEADERS, type Request } from '../load/sender.ts';
import { onePerPartition, spotAt, untilVisible, type Spot } from '../services/last-samples.ts';
import type { StoreClient } from '../services/store-client.ts';

/** Requests that no template makes: each is encoded when it is sent. */
export interface OtherPayload {
  readonly what: string;
  /** Where it could be taken for something else. */
  readonly note: string;
  /** The rule file that the system is started with. */
  readonly rules?: string;
  readonly metric: string;
  readonly samplesPerRequest: number;
  request(number: number, firstTimeMs: number): Request;
  /** Resolves when the newest of what was sent can be queried, and so all of it: counts no rows. */
  untilVisible(store: StoreClient, sent: SentRequests, msMax: number): Promise<void>;
  /** Of so many requests, what must be there and is: counted once the clock was stopped. */
  stored(store: StoreClient, requests: number): Promise<{ wanted: number; found: number }>;
}

export interface SentRequests {
  requests: number;
  firstTimeMs: number;
}

/** Of requests from 0 on. Far more than are ever under way at once. */
const NEWEST_REQUESTS = 64;
/** Windows are few; nothing is counted by a look at them. */
const POLL_MS = 200;

const SERIES = 10_000;
const PER_REQUEST = 500;
const STEP_MS = 1000;
/** A series lives for ten minutes of its samples' time: each minute a tenth are new ones. */
const LIFE_STEPS = 600;
const HISTOGRAM_SERIES = 1000;
const HISTOGRAMS_PER_REQUEST = 100;
const USERS = 100_000;
const SHOPS = 100;

/** Different from sample to sample and from run to run the same. */
function mixed(n: number): number {
  let hash = Math.imul(n ^ (n >>> 16), 0x45d9f3b);
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Which series of many is the one with a number at a step: its life began at another for each. */
function lifeOf(series: number, step: number): number {
  return Math.floor((step + (series * LIFE_STEPS) / SERIES) / LIFE_STEPS);
}

/** Series of one request: numbered, with the labels that a number has at its step. */
interface Sharded {
  series: number;
  perRequest: number;
  labelsOf(at: number, step: number): Label[];
}

/** Series of request number `number`: which step it is, and where they begin. */
function placeOf(
  { series, perRequest }: Sharded,
  number: number,
): Readonly<{ step: number; first: number }> {
  const groups = series / perRequest;
  return { step: Math.floor(number / groups), first: (number % groups) * perRequest };
}

/** Of each of the newest requests a sample of each partition. */
export function newestSpots(sharded: Sharded, { requests, firstTimeMs }: SentRequests): Spot[] {
  const from = Math.max(0, requests - NEWEST_REQUESTS);
  const numbers = Array.from({ length: requests - from }, (_, i) => from + i);
  return numbers.flatMap((number) => {
    const { step, first } = placeOf(sharded, number);
    const labelsOf = (at: number): Label[] => sharded.labelsOf(at, step);
    const places = onePerPartition(first, first + sharded.perRequest, labelsOf);
    return places.map((at) => spotAt(labelsOf(at), firstTimeMs + step * STEP_MS));
  });
}

const CHURN: Sharded = {
  series: SERIES,
  perRequest: PER_REQUEST,
  labelsOf: (at, step) => [
    ['__name__', churn.metric],
    ['cluster', 'eu-central-1'],
    ['container', `c-${lifeOf(at, step)}-${mixed(at).toString(16)}`],
    ['job', 'checkout/api'],
    ['namespace', 'production'],
    ['pod', `checkout-${at}-${lifeOf(at, step)}`],
  ],
};

const churn: OtherPayload = {
  what: '10,000 series 1 s apart, of which each minute of their time 10 % are new ones',
  note: 'with a sender that encodes each request anew and takes a good part of the processors',
  metric: 'bench_churn_total',
  samplesPerRequest: PER_REQUEST,
  request: (number, firstTimeMs) => {
    const { step, first } = placeOf(CHURN, number);
    const series = Array.from({ length: PER_REQUEST }, (_, i) => {
      const at = first + i;
      const sample = [firstTimeMs + step * STEP_MS, step + at] as const;
      return { labels: CHURN.labelsOf(at, step), samples: [sample] };
    });
    return remoteWrite(series);
  },
  untilVisible: (store, sent, msMax) => untilVisible(store, newestSpots(CHURN, sent), msMax),
  stored: (store, requests) => rowsOf(store, 'samples', churn.metric, requests * PER_REQUEST),
};

const HISTOGRAMS: Sharded = {
  series: HISTOGRAM_SERIES,
  perRequest: HISTOGRAMS_PER_REQUEST,
  labelsOf: (at) => [
    ['__name__', histograms.metric],
    ['handler', `/v2/orders/${at}`],
    ['job', 'checkout/api'],
  ],
};

const histograms: OtherPayload = {
  what: '1,000 series of native histograms with 40 buckets, 1 s apart',
  note: 'samples that are whole histograms: each counts once, whatever it holds',
  metric: 'bench_latency_seconds',
  samplesPerRequest: HISTOGRAMS_PER_REQUEST,
  request: (number, firstTimeMs) => {
    const { step, first } = placeOf(HISTOGRAMS, number);
    const timestampMs = firstTimeMs + step * STEP_MS;
    const series = Array.from({ length: HISTOGRAMS_PER_REQUEST }, (_, i) => ({
      labels: HISTOGRAMS.labelsOf(first + i, step),
      samples: [],
      histograms: [{ timestampMs, histogram: histogramAt(step) }],
    }));
    return remoteWrite(series);
  },
  untilVisible: (store, sent, msMax) =>
    untilVisible(store, newestSpots(HISTOGRAMS, sent), msMax, 'histograms'),
  stored: (store, requests) => {
    const sent = requests * HISTOGRAMS_PER_REQUEST;
    return rowsOf(store, 'histograms', histograms.metric, sent);
  },
};

const events: OtherPayload = {
  what: 'events of 100,000 users, aggregated away 1000:1 by a rule',
  rules:
    'rules:\n  - {name: orders, match: bench_orders, by: [shop], keep_raw: false, ' +
    'widths: [10s], aggregates: [count, sum]}\n',
  note: 'JSON of events that are counted in windows of 100 shops; none of them is kept as a row',
  metric: 'bench_orders',
  samplesPerRequest: PER_REQUEST,
  request: (number, firstTimeMs) => {
    const list = Array.from({ length: PER_REQUEST }, (_, i) => {
      const n = number * PER_REQUEST + i;
      const user = mixed(n) % USERS;
      const labels = { shop: `s-${user % SHOPS}`, user: `u-${user}` };
      const time = firstTimeMs + Math.floor(n / 50);
      return { name: events.metric, kind: 'event', labels, value: n % 100, time };
    });
    const headers = {
      'Content-Type': 'application/json',
      // Without it an event that is sent again is another one.
      'Idempotency-Key': `bench-${number}`,
      'User-Agent': 'millrace-load',
    };
    return { path: '/v1/events', headers, body: Buffer.from(JSON.stringify(list)) };
  },
  untilVisible: async (store, { requests }, msMax) => {
    const deadlineMs = performance.now() + msMax;
    for (;;) {
      const { wanted, found } = await events.stored(store, requests);
      if (found >= wanted) return;
      if (performance.now() > deadlineMs) throw new Error(`${found} of ${wanted} in windows`);
      await sleep(POLL_MS);
    }
  },
  stored: async (store, requests) => {
    const { found } = await store.look<{ found: number }>(
      `SELECT coalesce(sum(count), 0)::float8 AS found FROM series_windows WHERE rule = 'orders'`,
    );
    return { wanted: requests * PER_REQUEST, found };
  },
};

/** By name, as `--payload` takes them. */
export const OTHER_PAYLOADS: Readonly<Record<string, OtherPayload>> = {
  churn,
  histograms,
  events,
};

function remoteWrite(series: Parameters<typeof encodeWriteRequest>[0]): Request {
  const body = compressSnappy(Uint8Array.from(encodeWriteRequest(series)));
  return { path: '/api/v1/write', headers: REMOTE_WRITE_HEADERS, body };
}

function histogramAt(step: number): NativeHistogram {
  const deltas = Array.from({ length: 40 }, (_, i) => BigInt(i === 0 ? step + 1 : (i % 3) - 1));
  let [bucket, count] = [0n, 0n];
  for (const delta of deltas) {
    bucket += delta;
    count += bucket;
  }
  return {
    ...{ float: false, count, sum: Number(count) / 10, schema: 3, zeroThreshold: 1e-9 },
    ...{ zeroCount: 0n, negativeSpans: [], negativeDeltas: [], negativeCounts: [] },
    ...{ positiveSpans: [{ offset: -20, length: 40 }], positiveDeltas: deltas },
    ...{ positiveCounts: [], resetHint: 0, customValues: [] },
  };
}

async function rowsOf(
  store: StoreClient,
  table: 'samples' | 'histograms',
  metric: string,
  wanted: number,
): Promise<{ wanted: number; found: number }> {
  const { found } = await store.row<{ found: number }>(
    `SELECT count(*)::float8 AS found FROM ${table}
     WHERE series_id IN (SELECT series_id FROM series WHERE metric = $1)`,
    [metric],
  );
  return { wanted, found };
}
