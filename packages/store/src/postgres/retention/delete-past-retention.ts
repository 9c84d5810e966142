import type { TimeUs } from '@millrace/model';
import type { RetainedRows } from '../../retention/plan-retention.ts';
import type { ExpiredNote } from '../../retention/stored-expiry.ts';
import { AdvisoryLock } from '../connection/advisory-lock.ts';
import {
  boundArray,
  int8Array,
  nullableTextArray,
  timeParameter,
  widthArray,
} from '../connection/array-parameters.ts';
import type { PostgresPool } from '../connection/postgres-pool.ts';
import { transaction, type Session } from '../connection/session.ts';
import type { StoredRange } from '../layout/storage-layout.ts';

/** About 16 MB are looked at by one statement. */
const BLOCKS_MAX = 2_000;

const WHAT = 'Rows past their retention could not be deleted';

/**
 * Deletes rows out of a range that holds others as well, some blocks at a time, each in a
 * transaction that notes what it deleted. Nothing where that was done before, and nothing came
 * since. Somebody else who does the same at that moment does it for us.
 */
export async function sweepRange(
  pool: PostgresPool,
  range: StoredRange,
  rows: readonly RetainedRows[],
): Promise<number> {
  const { name, timeColumn, table } = range;
  const cuts = rows.map((one) => ({ ...one, beforeUs: clamp(one.cutUs, range) }));
  const parameters = [
    int8Array(cuts.length, (i) => cuts[i]!.edition),
    widthArray(cuts.length, (i) => cuts[i]!.widthUs),
    nullableTextArray(cuts.length, (i) => cuts[i]!.whose),
    boundArray(cuts.length, (i) => cuts[i]!.beforeUs),
  ];
  const sweepBlocks = (block: number): Promise<number | undefined> =>
    pool.use(WHAT, (session) =>
      transaction(session, async () => {
        if (!(await isOurs(session)) || !(await isForAll(session, rows))) return undefined;
        const place = [name, timeColumn, block, block + BLOCKS_MAX];
        const found = await session.run<{ place: number; deleted: number }>(
          'delete-past-retention',
          [...place, ...parameters],
        );
        for (const one of found.rows) {
          const { beforeUs, edition, widthUs, whose } = cuts[one.place - 1]!;
          await noteExpired(session, { table, widthUs, edition, ...ofWhom(whose), beforeUs });
        }
        return found.rows.reduce((sum, one) => sum + one.deleted, 0);
      }),
    );
  return await sweepOnce(pool, range, rows, async (blocks) => {
    let deleted = 0;
    for (let block = 0; block < blocks; block += BLOCKS_MAX) {
      const gone = await sweepBlocks(block);
      if (gone === undefined) return undefined;
      deleted += gone;
    }
    return deleted;
  });
}

/**
 * Sweeps unless the same was done before, and nothing came since. `sweep`: undefined when somebody
 * else is at it, who will note it.
 */
export async function sweepOnce(
  pool: PostgresPool,
  range: StoredRange,
  rows: readonly RetainedRows[],
  sweep: (blocks: number) => Promise<number | undefined>,
): Promise<number> {
  const { name } = range;
  const text = cutsText(range, rows);
  const swept = await pool.use(WHAT, async (session) => {
    return (await session.run<SweepRow>('read-sweep', [name])).rows[0]!;
  });
  if (swept.cuts === text && isDone(swept)) return 0;
  const deleted = await sweep(swept.blocks);
  if (deleted === undefined) return 0;
  await pool.use(WHAT, (session) => session.run('note-sweep', [name, text, swept.inserted]));
  return deleted;
}

interface SweepRow {
  blocks: number;
  inserted: number;
  cuts: string | null;
  inserted_before: number | null;
  is_recent: boolean;
}

/** What of a note tells whose rows they were. */
export function ofWhom(whose: string | undefined): Pick<ExpiredNote, 'tenant' | 'isOfOthers'> {
  return whose === undefined ? { isOfOthers: true } : { tenant: whose };
}

/** In the transaction that deletes. */
export async function noteExpired(session: Session, note: ExpiredNote): Promise<void> {
  const { table, widthUs, edition, tenant, isOfOthers, beforeUs } = note;
  await session.run('note-expired', [
    ...[table, widthUs ?? null, edition ?? null, tenant ?? null],
    ...[isOfOthers === true, timeParameter(beforeUs)],
  ]);
}

/**
 * In the transaction that deletes, first of all: whether nobody was set apart since it was planned
 * whose rows go when. Those would be taken for others, and what is gone of them would be noted of
 * others only.
 */
export async function isForAll(
  session: Session,
  rows: readonly Pick<RetainedRows, 'whose'>[],
): Promise<boolean> {
  await session.run('share-tenants', [AdvisoryLock.tenants]);
  const named = [...new Set(rows.flatMap(({ whose }) => whose ?? []))];
  const found = await session.run<{ are_known: boolean }>('are-tenants-known', [named]);
  return found.rows[0]!.are_known;
}

/** Two at once would wait for one another, row by row. */
async function isOurs(session: Session): Promise<boolean> {
  const { rows } = await session.run<{ is_ours: boolean }>('try-expire-lock', [
    AdvisoryLock.expiry,
  ]);
  return rows[0]!.is_ours;
}

/** Nothing came since; or so little, into so much, that another day will do. */
function isDone({
  blocks,
  inserted,
  inserted_before: before,
  is_recent: isRecent,
}: SweepRow): boolean {
  return inserted === before || (isRecent && blocks > BLOCKS_MAX);
}

function cutsText(range: StoredRange, rows: readonly RetainedRows[]): string {
  return JSON.stringify(
    rows.map((one) => [one.edition, one.widthUs, one.whose, clamp(one.cutUs, range)]),
  );
}

function clamp(timeUs: TimeUs, { fromUs, untilUs }: StoredRange): TimeUs {
  return Math.min(Math.max(timeUs, fromUs), untilUs);
}
