import type { SampleTable } from '../sample-table.ts';
import type { GoneLetters } from './gone-letters.ts';
import type { RefusedLetters } from './refused-letters.ts';

/** What accounts for samples that have no row: letters that are there, and letters that are gone. */
export interface Excuses {
  letters: RefusedLetters;
  gone: GoneLetters;
  /** Letters were held against arrivals one by one already: those of these rows are not there. */
  isByArrival: boolean;
}

/** Where a missing row belongs. */
export interface MissingAt {
  seriesId: string;
  timeUs: number;
  partition: number;
}

/**
 * Whether all rows that an entry lacks were refused. Every arrival that has no row has a letter, so
 * one that was refused, sent again and marked so does not account for the row of the next arrival.
 */
export function isExcused(
  samples: SampleTable,
  entry: number,
  { seriesId, timeUs, partition }: MissingAt,
  { letters, gone, isByArrival }: Excuses,
): boolean {
  const missing = samples.must[entry]! - samples.seen[entry]!;
  const known = letters.of(seriesId, timeUs);
  const redrives = isByArrival ? 0 : (samples.redrives.get(entry) ?? 0);
  const there = isByArrival ? 0 : known.all;
  const short = Math.max(0, missing + redrives - there);
  // A letter that nobody sent again stands for a row; the others for arrivals before it.
  const unsent = Math.min(short, Math.max(0, missing - known.open));
  if (short > 0 && !gone.take(partition, { unsent, redriven: short - unsent })) return false;
  if (!isByArrival) letters.take(seriesId, timeUs, { rows: missing, redrives });
  return true;
}
