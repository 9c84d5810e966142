import { createHash } from 'node:crypto';
import { STALE_NAN_HIGH, STALE_NAN_LOW } from '@millrace/model';
import { encodeBatch } from '@millrace/wire';
import { orderBySeries } from './order-by-series.ts';
import type { Stretch } from './stretch.ts';

/** A request of a stretch: a columnar batch that any receiver understands by itself. */
export interface StretchRequest {
  samples: number;
  body: Uint8Array;
}

export interface RequestSettings {
  samplesMax: number;
  seriesMax: number;
  labelBytesMax: number;
}

/** Far below what a receiver takes, and large enough that its flush does not count. */
export const REQUEST_DEFAULTS: RequestSettings = {
  samplesMax: 20_000,
  seriesMax: 20_000,
  labelBytesMax: 8 * 1024 * 1024,
};

/** Of another tenant a receiver takes no more series in one batch. */
export const OTHER_TENANT_SERIES_MAX = 1000;

/**
 * The requests of a stretch, by series and time: so each series comes to the log in the order of
 * its times. Each request is a session of its own with all its labels, whose name follows from the
 * file; so it is recognised when it comes again, whoever sends it, and no receiver need remember
 * numbers of series.
 */
export function* stretchRequests(
  stretch: Stretch,
  file: Readonly<{ digest: string; settings: RequestSettings }>,
): Generator<StretchRequest> {
  const { digest, settings } = file;
  const { samples, series } = stretch;
  const rows = orderBySeries(samples, series.length);
  let from = 0;
  for (let number = 0; from < rows.length; number += 1) {
    const to = endOfRequest(stretch, rows, from, settings);
    const name = createHash('sha256').update(`${digest}/${stretch.number}/${number}`).digest();
    const body = bodyOf(stretch, rows.subarray(from, to), {
      producer: `backfill/${digest.slice(0, DIGEST_SHOWN)}`,
      session: name.subarray(0, SESSION_BYTES),
      sequence: stretch.number,
    });
    yield { samples: to - from, body };
    from = to;
  }
}

const DIGEST_SHOWN = 32;
const SESSION_BYTES = 16;

function endOfRequest(
  { samples, series }: Stretch,
  rows: Uint32Array,
  from: number,
  { samplesMax, seriesMax, labelBytesMax }: RequestSettings,
): number {
  const last = Math.min(rows.length, from + samplesMax);
  let bytes = 0;
  let count = 0;
  let before = -1;
  for (let i = from; i < last; i += 1) {
    const number = samples.series[rows[i]!]!;
    if (number === before) continue;
    before = number;
    bytes += series[number]!.bytes;
    count += 1;
    if ((bytes > labelBytesMax || count > seriesMax) && i > from) return i;
  }
  return last;
}

function bodyOf(
  { samples, series }: Stretch,
  rows: Uint32Array,
  identity: Readonly<{ producer: string; session: Uint8Array; sequence: number }>,
): Uint8Array {
  const count = rows.length;
  const numbers = new Uint32Array(count);
  const values = new Float64Array(count);
  const halves = new Uint32Array(values.buffer);
  const timesUs: number[] = [];
  const own: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const row = rows[i]!;
    const number = samples.series[row]!;
    if (number !== own.at(-1)) own.push(number);
    numbers[i] = own.length - 1;
    timesUs.push(samples.times[row]!);
    values[i] = samples.values[row]!;
    if (samples.stale[row] === 0) continue;
    halves[2 * i] = STALE_NAN_LOW;
    halves[2 * i + 1] = STALE_NAN_HIGH;
  }
  const table = {
    first: 0,
    kinds: own.map((number) => series[number]!.kind),
    labels: own.map((number) => series[number]!.labels),
  };
  return encodeBatch({ ...identity, table, series: numbers, timesUs, values });
}
