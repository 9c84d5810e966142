import { openedAt } from '@millrace/model';
import type { MemoryPiece, MemoryStoreDatabase } from '@millrace/store/memory';
import {
  naiveWindows,
  TEST_LOG_ID,
  type OracleRun,
  type TestSample,
} from '@millrace/transformer/testing';
import { countsOf } from './check-served.ts';

/** Whether a job put it out: live folding had not begun its edition yet. */
export function isOfJob({ edition, partition, piece }: MemoryPiece, runs: readonly OracleRun[]) {
  const begun = runs[partition]?.editions.get(edition);
  return begun !== undefined && openedAt(piece) < begun.fromPosition;
}

/**
 * Once the jobs of a candidate have ended in all partitions, its windows hold every sample there
 * is: those of before its beginning by a job, all others live, each once.
 */
export function checkPast(
  store: MemoryStoreDatabase,
  runs: readonly OracleRun[],
  samples: readonly (readonly TestSample[])[],
): { problems: string[]; checked: number } {
  const counts = countsOf([...store.finals, ...store.open.values()]);
  const problems: string[] = [];
  let checked = 0;
  for (const edition of wholeEditions(store, runs.length)) {
    for (const [key, count] of expectedOf(edition, runs, samples)) {
      checked += 1;
      if (counts.get(key) === count) continue;
      problems.push(`the past: the window ${key} has ${counts.get(key)} of ${count} samples`);
    }
  }
  return { problems, checked };
}

function wholeEditions({ jobEnds }: MemoryStoreDatabase, partitions: number): number[] {
  const ended = new Map<number, Set<number>>();
  for (const { editions, partition, logId } of jobEnds) {
    if (logId !== TEST_LOG_ID) continue;
    for (const { edition } of editions) {
      ended.set(edition, (ended.get(edition) ?? new Set()).add(partition));
    }
  }
  return [...ended].filter(([, some]) => some.size === partitions).map(([edition]) => edition);
}

/** Samples of the windows that were folded to their end in every partition. */
function expectedOf(
  edition: number,
  runs: readonly OracleRun[],
  samples: readonly (readonly TestSample[])[],
): Map<string, number> {
  const counts = new Map<string, number>();
  const untilUs = Math.min(
    ...runs.map(({ editions }) => {
      const known = editions.get(edition);
      // Of a partition that never began it nothing can be said; what was dropped ended anywhere.
      return known === undefined || known.endUs === -Infinity ? -Infinity : known.untilUs;
    }),
  );
  for (const [partition, { editions }] of runs.entries()) {
    const rules = editions.get(edition)?.rules;
    if (rules === undefined) continue;
    for (const [key, window] of naiveWindows(samples[partition]!, rules)) {
      if (window.edition !== edition || window.startUs >= untilUs) continue;
      const count = window.values.length + (window.histograms ?? 0);
      counts.set(key, (counts.get(key) ?? 0) + count);
    }
  }
  return counts;
}
