import type { EditionEndEntry, EditionEntry } from '@millrace/wire';
import { int8Array, jsonbArray, textArray, timeArray } from './array-parameters.ts';
import { letterPayload, type RowSet } from './row-set.ts';

const ROWS_MAX = 1000;

interface Place {
  logId: string;
  partition: number;
}

/**
 * Editions that came into force. A rule's first one is served at once; a later one takes over
 * when every partition has begun it.
 */
export function editionRowSet(
  editions: readonly EditionEntry[],
  { logId, partition }: Place,
): RowSet {
  return {
    entry: 'edition',
    count: editions.length,
    rowsMax: ROWS_MAX,
    insert: async (session, from, to) => {
      const some = editions.slice(from, to);
      const n = some.length;
      const numbers = int8Array(n, (i) => some[i]!.edition);
      const rules = textArray(n, (i) => some[i]!.rule);
      await session.run('insert-editions', [
        numbers,
        rules,
        jsonbArray(n, (i) => some[i]!.definition),
        jsonbArray(n, (i) => {
          const { widthsUs, aggregates } = some[i]!;
          return JSON.stringify({ widthsUs, aggregates });
        }),
        int8Array(n, (i) => some[i]!.fromPosition),
        timeArray(n, (i) => some[i]!.fromPartitionTimeUs),
        timeArray(n, (i) => some[i]!.fromLargestTimeUs),
        logId,
        partition,
      ]);
      await session.run('serve-editions', [rules, numbers]);
      await session.run('lock-served', [rules]);
      // What is shown must not depend on how many changes of a rule come in one batch.
      for (const round of roundsOf(some)) {
        await session.run('succeed-editions', [
          textArray(round.length, (i) => round[i]!.rule),
          int8Array(round.length, (i) => round[i]!.edition),
          int8Array(round.length, (i) => round[i]!.partitions),
        ]);
      }
      return [];
    },
    letter: (row) => ({ payload: letterPayload(editions[row]) }),
  };
}

/** In their order, and of each rule no more than one at a time. */
function roundsOf(editions: readonly EditionEntry[]): EditionEntry[][] {
  const rounds: EditionEntry[][] = [];
  const seen = new Map<string, number>();
  for (const one of editions.toSorted((a, b) => a.edition - b.edition)) {
    const round = seen.get(one.rule) ?? 0;
    seen.set(one.rule, round + 1);
    (rounds[round] ??= []).push(one);
  }
  return rounds;
}

/** Editions that ended in this partition. */
export function editionEndRowSet(
  ends: readonly EditionEndEntry[],
  { logId, partition }: Place,
): RowSet {
  return {
    entry: 'edition_end',
    count: ends.length,
    rowsMax: ROWS_MAX,
    insert: async (session, from, to) => {
      const some = ends.slice(from, to);
      const n = some.length;
      await session.run('end-editions', [
        int8Array(n, (i) => some[i]!.edition),
        int8Array(n, (i) => some[i]!.position),
        timeArray(n, (i) => some[i]!.untilUs),
        logId,
        partition,
      ]);
      return [];
    },
    letter: (row) => ({ payload: letterPayload(ends[row]) }),
  };
}
