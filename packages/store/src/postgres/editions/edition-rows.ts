import {
  jobSource,
  type EditionEndEntry,
  type EditionEntry,
  type JobEndEntry,
} from '@millrace/wire';
import type { MarkKey } from '../../store.ts';
import { int8Array, jsonbArray, textArray, timeArray } from '../connection/array-parameters.ts';
import { letterPayload, type RowSet } from '../connection/row-set.ts';
import type { Session } from '../connection/session.ts';

const ROWS_MAX = 1000;

type Place = Pick<MarkKey, 'logId' | 'logNumber' | 'partition'>;

/** Editions that came into force, and with that perhaps what is served: `ranges_to_serve`. */
export function editionRowSet(
  editions: readonly EditionEntry[],
  { logId, logNumber, partition }: Place,
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
        int8Array(n, (i) => some[i]!.candidate),
        logId,
        partition,
      ]);
      for (const candidate of new Set(some.map((one) => one.candidate))) {
        if (candidate === undefined) continue;
        const source = jobSource(candidate);
        await session.run('close-marks', [partition, source, logId]);
        await session.run('await-job', [logId, logNumber, partition, source]);
      }
      await session.run('lock-editions', [rules]);
      await serveAnew(session, rules);
      return [];
    },
    letter: (row) => ({ payload: letterPayload(editions[row]) }),
  };
}

/** Brings what is served of some rules to what is to be; whoever asks has locked their editions. */
export async function serveAnew(
  session: Session,
  rules: Buffer | readonly string[],
): Promise<void> {
  await session.run('unserve-editions', [rules]);
  await session.run('serve-editions', [rules]);
}

/** Jobs that have folded this partition's past; the last one of a candidate makes its past whole. */
export function jobEndRowSet(ends: readonly JobEndEntry[], { logId, partition }: Place): RowSet {
  return {
    entry: 'job_end',
    count: ends.length,
    rowsMax: 1,
    insert: async (session, from) => {
      const { candidate, position, partitions, editions } = ends[from]!;
      await session.run('lock-job-ends', [candidate]);
      await session.run('insert-job-ends', [
        ...[candidate, position, partitions, JSON.stringify(editions.map(pastOf))],
        ...[logId, partition],
      ]);
      await session.run('complete-pasts', [candidate]);
      return [];
    },
    letter: (row) => ({ payload: letterPayload(ends[row]) }),
  };
}

/** JSON has no infinity: since ever is null. */
function pastOf({ edition, fromUs }: JobEndEntry['editions'][number]): object {
  return { edition, from_us: fromUs.map((us) => (Number.isFinite(us) ? us : null)) };
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
