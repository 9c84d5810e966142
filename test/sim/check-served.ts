import { fingerprintHex, type Piece } from '@millrace/model';
import type { MemoryStoreDatabase, ServedRange } from '@millrace/store/memory';
import {
  naiveWindows,
  windowKey,
  type OracleRun,
  type TestSample,
} from '@millrace/transformer/testing';

/**
 * Where rules change, each window that is shown is whole in the edition that is shown for it: it
 * has every sample there is, whenever the edition began.
 */
export function checkServed(
  store: MemoryStoreDatabase,
  runs: readonly OracleRun[],
  samples: readonly (readonly TestSample[])[],
): { problems: string[]; checked: number } {
  const counts = countsOf([...store.finals, ...store.open.values()]);
  const problems: string[] = [];
  let checked = 0;
  for (const [rule, ranges] of store.shown.rules) {
    for (const [i, range] of ranges.entries()) {
      // The first one begins in the middle of windows.
      if (i === 0 || !range.isWhole) continue;
      // Behind a rule that was taken away nothing is shown.
      const endUs = store.shown.untilUs(range.edition);
      const toUs = Math.min(ranges[i + 1]?.fromUs ?? Infinity, endUs);
      const expected = wholeCounts(range, toUs, runs, samples);
      for (const [key, count] of expected) {
        checked += 1;
        if (counts.get(key) === count) continue;
        problems.push(`rule ${rule}: the window ${key} has ${counts.get(key)} of ${count} samples`);
      }
    }
  }
  return { problems, checked };
}

/** Samples that belong into each window which starts in a range. */
function wholeCounts(
  { edition, fromUs }: ServedRange,
  toUs: number,
  runs: readonly OracleRun[],
  samples: readonly (readonly TestSample[])[],
): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [partition, run] of runs.entries()) {
    const rules = run.editions.get(edition)?.rules;
    if (rules === undefined) continue;
    for (const [key, window] of naiveWindows(samples[partition]!, rules)) {
      if (window.edition !== edition || window.startUs < fromUs || window.startUs >= toUs) continue;
      const count = window.values.length + (window.histograms ?? 0);
      counts.set(key, (counts.get(key) ?? 0) + count);
    }
  }
  return counts;
}

/** Samples of all pieces of each window. */
export function countsOf(pieces: readonly Piece[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { edition, fingerprint, widthUs, startUs, count } of pieces) {
    const key = windowKey(edition, fingerprintHex(fingerprint), widthUs, startUs);
    counts.set(key, (counts.get(key) ?? 0) + count);
  }
  return counts;
}
