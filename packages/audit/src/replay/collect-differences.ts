import type { StoredDefinition } from '@millrace/store';
import type { DeepParts, Expectations } from '../deep/deep-parts.ts';
import { histogramKey, putOutAgain } from '../deep/put-out-again.ts';
import type { LogTables } from '../log/record-slots.ts';
import { EntryKind } from '../sample-table.ts';
import type { RowComparison, RowList } from '../rows/compare-rows.ts';
import type { FoundRow } from '../rows/found-row.ts';
import type { RowCounts } from '../rows/missing-rows.ts';
import type { Differences } from './differences.ts';

type At = Readonly<{ idHigh: number; idLow: number; timeUs: number; isHistogram: boolean }>;

/** Rows of `samples` and `histograms`, after all were held against the log. */
export function collectRows(
  differences: Differences,
  tables: LogTables,
  found: Readonly<{ comparison: RowComparison; counts: RowCounts; isAllKnown: boolean }>,
): void {
  const { samples } = tables;
  const { comparison, counts, isAllKnown } = found;
  for (const entry of counts.missing.kept) {
    const rows = samples.must[entry]! - samples.seen[entry]!;
    const insert = expectedValue(tables, entry);
    for (let i = 0; i < rows; i += 1) {
      const present = samples.seen[entry]! + i;
      differences.sample('missing', atOf(tables, entry), { insert, present });
    }
  }
  for (const { entry, row } of comparison.different.kept) {
    const change = { remove: row, insert: expectedValue(tables, entry) };
    differences.sample('changed', atOf(tables, entry), change);
  }
  for (const entry of counts.twice.kept) {
    const rows = samples.seen[entry]! - samples.must[entry]! - samples.may[entry]!;
    const remove = expectedValue(tables, entry);
    for (let i = 0; i < rows; i += 1) {
      differences.sample('unexpected', atOf(tables, entry), { remove });
    }
  }
  const removeRow = (row: FoundRow & Readonly<{ isHistogram: boolean }>): void =>
    differences.sample('unexpected', row, { remove: row });
  for (const row of comparison.unexpected.kept) removeRow(row);
  // Rows of a series that the log has not may be from before what is known of it.
  if (isAllKnown) for (const row of comparison.strangeRows.kept) removeRow(row);
  const beyond = ({ count, kept }: RowList<unknown>): number => count - kept.length;
  differences.more('samples', 'missing', beyond(counts.missing));
  differences.more('samples', 'changed', beyond(comparison.different));
  const unexpected = [counts.twice, comparison.unexpected, comparison.strangeRows];
  const more = unexpected.reduce((sum, list) => sum + beyond(list), 0);
  differences.more('samples', 'unexpected', more);
}

function atOf({ samples, series }: LogTables, entry: number): At {
  const slot = samples.series[entry]!;
  const kind = samples.kind(entry);
  const isHistogram = kind === EntryKind.histogram || kind === EntryKind.eventHistogram;
  const timeUs = samples.times[entry]!;
  return { idHigh: series.idHigh[slot]!, idLow: series.idLow[slot]!, timeUs, isHistogram };
}

function expectedValue({ samples }: LogTables, entry: number) {
  const value = samples.isStale(entry) ? undefined : samples.values[entry]!;
  return { value, isUnverified: samples.mustSayUnverified(entry) };
}

/** Windows and definitions, and the bytes of histograms that are to come. */
export async function collectEntries(
  parts: DeepParts,
  differences: Differences,
  known: Readonly<{
    expected: Expectations;
    /** Of a store that has more logs than this one, definitions are not told apart. */
    hasOthers: boolean;
  }>,
): Promise<void> {
  const { expected, hasOthers } = known;
  const { pieces, definitions } = expected;
  const missing = pieces.missing();
  const missingPieces = missing.kept;
  const missingDefinitions = hasOthers ? [] : definitions.missing().kept;
  const differentDefinitions = hasOthers ? [] : definitions.different.kept;
  const again = await putOutAgain(parts, {
    pieces: {
      table: pieces.table,
      slots: new Set([...missingPieces, ...pieces.different.kept.map(({ slot }) => slot)]),
    },
    definitions: {
      table: definitions.table,
      slots: new Set([...missingDefinitions, ...differentDefinitions.map(({ slot }) => slot)]),
    },
    histograms: new Set(
      differences.wanted.map(({ seriesId, timeUs }) => histogramKey(seriesId, timeUs)),
    ),
  });
  for (const slot of missingPieces) {
    const put = again.pieces.get(slot)!;
    const insert = { ...put.piece, isFinal: put.isFinal };
    differences.piece(pieces.table.partitions[slot]!, undefined, insert);
  }
  for (const { slot, row } of pieces.different.kept) {
    const put = again.pieces.get(slot)!;
    differences.piece(row.partition, row, { ...put.piece, isFinal: put.isFinal });
  }
  differences.more('windows', 'missing', missing.count - missingPieces.length);
  differences.more('windows', 'changed', pieces.different.count - pieces.different.kept.length);
  const { unexpected } = pieces;
  differences.more('windows', 'unexpected', unexpected.count - unexpected.kept.length);
  for (const { row } of pieces.twice.kept) differences.piece(row.partition, row, undefined);
  for (const row of pieces.unexpected.kept) differences.piece(row.partition, row, undefined);
  const insertOf = (slot: number, row: StoredDefinition | undefined): StoredDefinition =>
    definitions.mended(slot, again.definitions.get(slot)!, row);
  for (const slot of missingDefinitions) {
    differences.definition(undefined, insertOf(slot, undefined));
  }
  for (const { slot, row } of differentDefinitions)
    differences.definition(row, insertOf(slot, row));
  for (const row of hasOthers ? [] : definitions.unexpected.kept) {
    differences.definition(row, undefined);
  }
  for (const { isUnverified, ...one } of differences.wanted) {
    const entry = again.histograms.get(histogramKey(one.seriesId, one.timeUs));
    if (entry === undefined) throw new Error('a histogram was put out once, and not again');
    const histogram = entry.histogram.length === 0 ? undefined : entry.histogram;
    differences.histograms.push({ ...one, insert: { histogram, isUnverified } });
  }
}
