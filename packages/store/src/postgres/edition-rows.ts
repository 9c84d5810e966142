import type { EditionEndEntry, EditionEntry } from '@millrace/wire';
import { int8Array, jsonbArray, textArray, timeArray } from './array-parameters.ts';
import { letterPayload, type RowSet } from './row-set.ts';

const ROWS_MAX = 1000;

interface Place {
  logId: string;
  partition: number;
}

/** Editions that came into force, and with that perhaps what is served: `ranges_to_serve`. */
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
        int8Array(n, (i) => some[i]!.partitions),
        logId,
        partition,
      ]);
      await session.run('lock-editions', [rules]);
      await session.run('unserve-editions', [rules]);
      await session.run('serve-editions', [rules]);
      return [];
    },
    letter: (row) => ({ payload: letterPayload(editions[row]) }),
  };
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
