import { encode } from '@msgpack/msgpack';
import type { Label } from '@millrace/model';
import { compressSnappy, encodeWriteRequest } from '@millrace/wire';
import { REMOTE_WRITE_HEADERS, type Request } from '../load/sender.ts';

/** Some steps of some series of a family, both from–until. */
export interface Rectangle {
  readonly series: readonly [from: number, until: number];
  readonly steps: readonly [from: number, until: number];
}

/** Many series of one metric that are sent alike. Each has a sample at every step. */
export interface Family {
  readonly metric: string;
  readonly kind: 'unknown' | 'gauge' | 'cumulative' | 'event';
  readonly format: 'remote write' | 'json' | 'ndjson' | 'msgpack';
  readonly series: number;
  /** How many steps one request carries, of every series. */
  readonly stepsPerRequest: number;
  /** How the n-th request is told from others, and so recognised when it comes again. */
  readonly identity: (n: number) => Readonly<Record<string, string>>;
  /** Whether a sample can be recognised in another request as well. */
  readonly identified: boolean;
  /** Events have an id each. */
  readonly ids: boolean;
}

/** Steps lie so far apart. */
export const STEP_MS = 5000;

const byDigest = (): Record<string, string> => ({});
const byKey =
  (name: string) =>
  (n: number): Record<string, string> => ({ 'Idempotency-Key': `${name} ${n}` });
const bySequence =
  (name: string) =>
  (n: number): Record<string, string> => ({
    'Millrace-Producer': name,
    'Millrace-Sequence': String(n),
  });

const sample = { identified: true, ids: false } as const;

/** A thousand series in all: with a thousand steps, a million samples. */
export const FAMILIES: readonly Family[] = [
  {
    ...sample,
    metric: 'rw_by_digest',
    kind: 'unknown',
    format: 'remote write',
    series: 400,
    stepsPerRequest: 1,
    identity: byDigest,
  },
  {
    ...sample,
    metric: 'rw_by_key',
    kind: 'unknown',
    format: 'remote write',
    series: 300,
    stepsPerRequest: 2,
    identity: byKey('remote write'),
  },
  {
    ...sample,
    metric: 'gauge_by_digest',
    kind: 'gauge',
    format: 'ndjson',
    series: 60,
    stepsPerRequest: 5,
    identity: byDigest,
  },
  {
    ...sample,
    metric: 'counter_by_sequence',
    kind: 'cumulative',
    format: 'ndjson',
    series: 80,
    stepsPerRequest: 5,
    identity: bySequence('counters'),
  },
  {
    ...sample,
    metric: 'counter_by_digest',
    kind: 'cumulative',
    format: 'msgpack',
    series: 60,
    stepsPerRequest: 4,
    identity: byDigest,
  },
  {
    metric: 'event_with_id',
    kind: 'event',
    format: 'json',
    series: 60,
    stepsPerRequest: 5,
    identity: byDigest,
    identified: true,
    ids: true,
  },
  {
    metric: 'event_under_key',
    kind: 'event',
    format: 'ndjson',
    series: 40,
    stepsPerRequest: 5,
    identity: byKey('events'),
    identified: false,
    ids: false,
  },
];

/**
 * Counters rise by a pace of their own and start again from 0 now and then; everything else goes
 * up and down. Whole numbers, so that sums are exact in any order.
 */
export function valueOf({ kind }: Family, series: number, step: number): number {
  if (kind === 'cumulative') return (step % (150 + series)) * ((series % 7) + 1);
  return ((step * 37 + series * 101) % 1009) - 300;
}

export function labelsOf(family: Family, series: number): Label[] {
  return [
    ['__name__', family.metric],
    ['number', String(series)],
    ['shop', `shop ${series % 5}`],
  ];
}

/** One request with everything of a rectangle, ordered by time. */
export function requestOf(
  family: Family,
  rectangle: Rectangle,
  headers: Readonly<Record<string, string>>,
  firstTimeMs: number,
): Request {
  if (family.format === 'remote write') {
    const plain = encodeWriteRequest(writeSeries(family, rectangle, firstTimeMs));
    const body = compressSnappy(plain);
    return { path: '/api/v1/write', headers: { ...REMOTE_WRITE_HEADERS, ...headers }, body };
  }
  const samples = [...pushSamples(family, rectangle, firstTimeMs)];
  const { type, body } = encodePush(family.format, samples);
  return { path: '/v1/events', headers: { 'Content-Type': type, ...headers }, body };
}

export function samplesIn({ series, steps }: Rectangle): number {
  return (series[1] - series[0]) * (steps[1] - steps[0]);
}

function* writeSeries(
  family: Family,
  { series, steps }: Rectangle,
  firstTimeMs: number,
): Generator<{ labels: Label[]; samples: [number, number][] }> {
  for (let i = series[0]; i < series[1]; i += 1) {
    const samples: [number, number][] = [];
    for (let step = steps[0]; step < steps[1]; step += 1) {
      samples.push([firstTimeMs + step * STEP_MS, valueOf(family, i, step)]);
    }
    yield { labels: labelsOf(family, i), samples };
  }
}

function* pushSamples(
  family: Family,
  { series, steps }: Rectangle,
  firstTimeMs: number,
): Generator<object> {
  const { metric: name, kind, ids } = family;
  for (let step = steps[0]; step < steps[1]; step += 1) {
    for (let i = series[0]; i < series[1]; i += 1) {
      const labels = Object.fromEntries(labelsOf(family, i).slice(1));
      const time = firstTimeMs + step * STEP_MS;
      const id = ids ? { id: `${i}/${step}` } : {};
      yield { name, labels, value: valueOf(family, i, step), time, kind, ...id };
    }
  }
}

function encodePush(
  format: Exclude<Family['format'], 'remote write'>,
  samples: readonly object[],
): { type: string; body: Uint8Array } {
  switch (format) {
    case 'json':
      return { type: 'application/json', body: Buffer.from(JSON.stringify({ samples })) };
    case 'ndjson': {
      const lines = samples.map((one) => `${JSON.stringify(one)}\n`);
      return { type: 'application/x-ndjson', body: Buffer.from(lines.join('')) };
    }
    case 'msgpack':
      return { type: 'application/msgpack', body: encode(samples) };
  }
}
