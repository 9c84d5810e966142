import type { TimeUs } from '@millrace/model';

/** In what a protocol writes times that are numbers. */
export type TimeUnit = 'milliseconds' | 'microseconds';

/**
 * Times of 2001 to 2103 have other numbers in each unit. Taken for those of another one they are in
 * the first weeks of 1970, or nowhere.
 */
const SECONDS_MIN = 1_000_000_000;
const SECONDS_MAX = 4_200_000_000;
const UNITS = [
  ['seconds', 1],
  ['milliseconds', 1e3],
  ['microseconds', 1e6],
  ['nanoseconds', 1e9],
] as const;

/** No time above it is of another unit than the one of its protocol. */
export const UNDOUBTED_US: TimeUs = SECONDS_MAX * 1000;

/** What a number that should be of `unit` most likely is, said for a person; else undefined. */
export function otherUnit(time: number, unit: TimeUnit): string | undefined {
  // How an int64 is read that no float64 holds.
  if (time === Infinity) return `above 2^53, as nanoseconds are, and not in ${unit}`;
  for (const [name, perSecond] of UNITS) {
    if (name === unit) continue;
    if (time < SECONDS_MIN * perSecond || time > SECONDS_MAX * perSecond) continue;
    return `${time}, which are ${name} and not ${unit}`;
  }
  return undefined;
}
