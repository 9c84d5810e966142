import { SampleFlag } from '@millrace/model';
import type {
  DeadLetterEntry,
  ExemplarEntry,
  HistogramEntry,
  UnverifiedEntry,
} from '@millrace/wire';
import {
  booleanArray,
  byteaArray,
  float8Array,
  jsonbArray,
  seriesIdArray,
  textArray,
  timeArray,
} from '../connection/array-parameters.ts';
import { labelsJson } from '../series/definition-copy.ts';
import { letterPayload, type RowSet } from '../connection/row-set.ts';
import { bucketOf } from './sample-copy.ts';
import type { Session } from '../connection/session.ts';

const ROWS_MAX = 5_000;

export function isUnverified(entry: HistogramEntry): boolean {
  return (entry.flags & SampleFlag.unverified) !== 0;
}

export function histogramRowSet(
  entries: readonly HistogramEntry[],
  counted: 'stored' | 'unverified',
): RowSet {
  const isStale = (entry: HistogramEntry) => (entry.flags & SampleFlag.stale) !== 0;
  return {
    entry: 'histogram',
    count: entries.length,
    rowsMax: ROWS_MAX,
    insert: async (session, from, to) => {
      const some = entries.slice(from, to);
      const n = some.length;
      await session.run('insert-histograms', [
        timeArray(n, (i) => some[i]!.timeUs),
        timeArray(n, (i) => bucketOf(some[i]!.timeUs)),
        seriesIdArray(n, (i) => some[i]!.fingerprint),
        byteaArray(n, (i) => (isStale(some[i]!) ? undefined : some[i]!.histogram)),
        booleanArray(n, (i) => isStale(some[i]!)),
        booleanArray(n, (i) => isUnverified(some[i]!)),
      ]);
      return [];
    },
    letter: (row) => {
      const { fingerprint, timeUs } = entries[row]!;
      return { series: fingerprint, timeUs, payload: letterPayload(entries[row]), counted };
    },
  };
}

/** Of unverified histograms, those of which nothing is stored yet; the others are duplicates. */
export async function absentHistograms(
  session: Session,
  entries: readonly HistogramEntry[],
): Promise<{ absent: HistogramEntry[]; present: HistogramEntry[] }> {
  if (entries.length === 0) return { absent: [], present: [] };
  const { rows } = await session.run<{ row: string }>('absent-histograms', [
    seriesIdArray(entries.length, (i) => entries[i]!.fingerprint),
    timeArray(entries.length, (i) => entries[i]!.timeUs),
  ]);
  const chosen = new Set(rows.map(({ row }) => Number(row) - 1));
  return {
    absent: entries.filter((_, i) => chosen.has(i)),
    present: entries.filter((_, i) => !chosen.has(i)),
  };
}

export function exemplarRowSet(entries: readonly ExemplarEntry[]): RowSet {
  return {
    entry: 'exemplar',
    count: entries.length,
    rowsMax: ROWS_MAX,
    insert: async (session, from, to) => {
      const some = entries.slice(from, to);
      const n = some.length;
      await session.run('insert-exemplars', [
        timeArray(n, (i) => some[i]!.timeUs),
        timeArray(n, (i) => bucketOf(some[i]!.timeUs)),
        seriesIdArray(n, (i) => some[i]!.fingerprint),
        float8Array(n, (i) => some[i]!.value),
        jsonbArray(n, (i) => labelsJson(some[i]!.labels)),
      ]);
      return [];
    },
    letter: (row) => {
      const { fingerprint, timeUs, value } = entries[row]!;
      return { series: fingerprint, timeUs, value, payload: letterPayload(entries[row]) };
    },
  };
}

/** Samples below the floor of series that are not kept raw. */
export function unverifiedRowSet(entries: readonly UnverifiedEntry[], partition: number): RowSet {
  const isStale = (entry: UnverifiedEntry) => (entry.flags & SampleFlag.stale) !== 0;
  return {
    entry: 'unverified sample',
    count: entries.length,
    rowsMax: ROWS_MAX,
    insert: async (session, from, to) => {
      const some = entries.slice(from, to);
      const n = some.length;
      await session.run('insert-unverified', [
        partition,
        timeArray(n, (i) => some[i]!.timeUs),
        textArray(n, (i) => some[i]!.tenant),
        seriesIdArray(n, (i) => some[i]!.fingerprint),
        byteaArray(n, (i) => some[i]!.fingerprint),
        float8Array(n, (i) => (isStale(some[i]!) ? undefined : some[i]!.value)),
        booleanArray(n, (i) => isStale(some[i]!)),
        timeArray(n, (i) => some[i]!.receivedAtUs),
      ]);
      return [];
    },
    letter: (row) => {
      const { tenant, fingerprint, timeUs, value, receivedAtUs } = entries[row]!;
      const payload = letterPayload(entries[row]);
      const series = fingerprint;
      return { tenant, series, timeUs, value, receivedAtUs, payload, counted: 'unverified' };
    },
  };
}

/** Dead letters that the transformer put out, as rows of ours. */
export function deadLetterOf(entry: DeadLetterEntry): {
  entry: string;
  tenant: string;
  reason: string;
  detail: string;
  series: Uint8Array;
  timeUs: number;
  value: number;
  receivedAtUs: number;
} {
  const { fingerprint, ...rest } = entry;
  return { entry: 'sample', series: fingerprint, ...rest };
}
