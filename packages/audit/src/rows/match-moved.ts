import { SampleFlag } from '@millrace/model';
import type { LogTables } from '../log/record-slots.ts';
import { EntryKind, type SampleTable } from '../sample-table.ts';
import { SeriesBit } from '../series-table.ts';
import { findEntry, type RowComparison, type RowList } from './compare-rows.ts';
import type { FoundRow } from './found-row.ts';

/** How many microseconds beside its own a sample may lie: there are never so many at once. */
const MOVES_MAX = 64;

/**
 * Rows of series in which samples without a time of their own met others: they got the next time
 * that the transformer's memory knew to be free, and the log alone cannot tell which that was. So
 * a row belongs to the sample of its time, or else to one beside it that has no row yet.
 */
export function matchMoved(
  comparison: RowComparison,
  tables: LogTables,
): RowList<FoundRow & { isHistogram: boolean }>['kept'] {
  const { series, samples } = tables;
  const rest: (FoundRow & { slot: number; isHistogram: boolean })[] = [];
  const unmatched: (FoundRow & { isHistogram: boolean })[] = [];
  for (const row of comparison.moved.kept) {
    const slot = series.find(row.idHigh, row.idLow);
    const bits = series.bits[slot]!;
    const entry = findEntry(samples, { slot, bits, ...row });
    if (entry >= 0 && samples.seen[entry] === 0 && isSame(samples, entry, row)) {
      take(samples, entry, row);
    } else rest.push({ ...row, slot });
  }
  for (const row of rest) {
    const entry = findMoved(samples, row) ?? findEvent(tables, row);
    if (entry === undefined) unmatched.push(row);
    else take(samples, entry, row);
  }
  return unmatched;
}

function take(samples: SampleTable, entry: number, row: FoundRow): void {
  samples.count(samples.seen, entry);
  if ((row.flags & SampleFlag.unverified) !== 0) samples.setUnverified(entry);
}

/** A sample that got a later time than its own, and has no row there. */
function findMoved(
  samples: SampleTable,
  row: FoundRow & Readonly<{ slot: number; isHistogram: boolean }>,
): number | undefined {
  const kind = row.isHistogram ? EntryKind.histogram : EntryKind.sample;
  for (let move = 0; move < MOVES_MAX; move += 1) {
    const entry = samples.find(row.slot, kind, row.timeUs + move, row.value);
    if (entry < 0) continue;
    const isFree = samples.isMoved(entry) && samples.seen[entry] === 0;
    if (isFree && isSame(samples, entry, row)) return entry;
  }
  return undefined;
}

function findEvent(
  { series, samples }: LogTables,
  row: FoundRow & Readonly<{ slot: number; isHistogram: boolean }>,
): number | undefined {
  if ((series.bits[row.slot]! & SeriesBit.events) === 0) return undefined;
  const kind = row.isHistogram ? EntryKind.eventHistogram : EntryKind.event;
  const entry = samples.find(row.slot, kind, row.timeUs, row.value);
  if (entry < 0) return undefined;
  return samples.seen[entry]! < samples.must[entry]! + samples.may[entry]! ? entry : undefined;
}

function isSame(samples: SampleTable, entry: number, row: FoundRow): boolean {
  const isStale = (row.flags & SampleFlag.stale) !== 0;
  if (samples.isStale(entry)) return isStale && row.isAbsent;
  return !isStale && !row.isAbsent && Object.is(samples.values[entry], row.value);
}
