import type { Label, NativeHistogram } from '@millrace/model';
import { compressSnappy, encodeWriteRequest } from '@millrace/wire';
import { REMOTE_WRITE_HEADERS, type Request } from '../load/sender.ts';
import type { StoreClient } from '../services/store-client.ts';

/** Requests that no template makes: each is encoded when it is sent. */
export interface OtherPayload {
  readonly what: string;
  /** The rule file that the system is started with. */
  readonly rules?: string;
  readonly metric: string;
  readonly samplesPerRequest: number;
  request(number: number, firstTimeMs: number): Request;
  /** Rows that must be there for so many requests, and are; until they are equal it is waited. */
  stored(store: StoreClient, requests: number): Promise<{ wanted: number; found: number }>;
}

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

const churn: OtherPayload = {
  what: '10,000 series 1 s apart, of which each minute of their time 10 % are new ones',
  metric: 'bench_churn_total',
  samplesPerRequest: PER_REQUEST,
  request: (number, firstTimeMs) => {
    const groups = SERIES / PER_REQUEST;
    const step = Math.floor(number / groups);
    const first = (number % groups) * PER_REQUEST;
    const series = Array.from({ length: PER_REQUEST }, (_, i) => {
      const at = first + i;
      const labels: Label[] = [
        ['__name__', churn.metric],
        ['cluster', 'eu-central-1'],
        ['container', `c-${lifeOf(at, step)}-${mixed(at).toString(16)}`],
        ['job', 'checkout/api'],
        ['namespace', 'production'],
        ['pod', `checkout-${at}-${lifeOf(at, step)}`],
      ];
      return { labels, samples: [[firstTimeMs + step * STEP_MS, step + at]] as const };
    });
    return remoteWrite(series);
  },
  stored: (store, requests) => rowsOf(store, 'samples', churn.metric, requests * PER_REQUEST),
};

const histograms: OtherPayload = {
  what: '1,000 series of native histograms with 40 buckets, 1 s apart',
  metric: 'bench_latency_seconds',
  samplesPerRequest: HISTOGRAMS_PER_REQUEST,
  request: (number, firstTimeMs) => {
    const groups = HISTOGRAM_SERIES / HISTOGRAMS_PER_REQUEST;
    const step = Math.floor(number / groups);
    const first = (number % groups) * HISTOGRAMS_PER_REQUEST;
    const series = Array.from({ length: HISTOGRAMS_PER_REQUEST }, (_, i) => ({
      labels: [
        ['__name__', histograms.metric],
        ['handler', `/v2/orders/${first + i}`],
        ['job', 'checkout/api'],
      ] as Label[],
      samples: [],
      histograms: [{ timestampMs: firstTimeMs + step * STEP_MS, histogram: histogramAt(step) }],
    }));
    return remoteWrite(series);
  },
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
  stored: async (store, requests) => {
    const { found } = await store.row<{ found: number }>(
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
