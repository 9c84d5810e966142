import type { Clock, Log } from '@millrace/runtime';
import { planRetention } from '../../retention/plan-retention.ts';
import type { RetentionPolicy } from '../../retention/retention-policy.ts';
import type { ExpiredNote } from '../../retention/stored-expiry.ts';
import { StoreError, StoreErrorCode } from '../../store-error.ts';
import { AdvisoryLock } from '../connection/advisory-lock.ts';
import { timeParameter } from '../connection/array-parameters.ts';
import { noteExpired } from './delete-past-retention.ts';
import type { PostgresPool } from '../connection/postgres-pool.ts';
import { readRetentionFacts } from './retention-facts.ts';
import { transaction, type Session } from '../connection/session.ts';
import type { StorageLayout, StoredRange } from '../layout/storage-layout.ts';

/** What upkeep works with. */
export type UpkeepParts = Readonly<{
  pool: PostgresPool;
  layout: StorageLayout;
  clock: Clock;
  log: Log;
}>;

const WHAT = 'What is past its retention could not be removed';

/**
 * About how many rows it held; undefined: somebody reads the range, or it is kept after all. While
 * a drop waits for its lock all others wait behind it, so it waits for a moment only; there is time
 * until the next call.
 */
export async function dropPast(
  components: UpkeepParts & Readonly<{ policy: RetentionPolicy }>,
  { name, table, widthUs, untilUs }: StoredRange,
): Promise<number | undefined> {
  const { pool, layout, log } = components;
  const drop = async (session: Session): Promise<number | undefined> => {
    await session.command("SET LOCAL lock_timeout = '1s'");
    await session.run('lock-against-editions');
    await session.run('lock-ranges', [AdvisoryLock.ranges]);
    if (!(await isStillToDrop(session, components, name))) return undefined;
    const counted = await session.run<{ rows: number }>('count-live-rows', [name]);
    await noteGoneRange(session, { table, widthUs, beforeUs: untilUs });
    await layout.dropRange(session, name);
    return counted.rows[0]!.rows;
  };
  return await unlessBusy({ pool, log, name }, drop);
}

/** Between the plan and its range there may be many others, and what was kept by then may differ. */
async function isStillToDrop(
  session: Session,
  components: UpkeepParts & Readonly<{ policy: RetentionPolicy }>,
  name: string,
): Promise<boolean> {
  const { policy } = components;
  const noted = await session.run<{ is_noted: boolean }>('is-policy-noted', [
    JSON.stringify(policy),
  ]);
  if (!noted.rows[0]!.is_noted) return false;
  const facts = await readRetentionFacts(session, components);
  const { ranges } = planRetention(facts, policy);
  return ranges.some(({ range, action }) => range.name === name && action === 'drop');
}

async function noteGoneRange(
  session: Session,
  note: Pick<ExpiredNote, 'table' | 'widthUs' | 'beforeUs'>,
): Promise<void> {
  const { table, widthUs, beforeUs } = note;
  if (!table.startsWith('windows')) return await noteExpired(session, note);
  await session.run('note-range-gone', [table, widthUs ?? null, timeParameter(beforeUs)]);
}

/** One transaction; undefined when it could not get a lock in time. */
export async function unlessBusy<T>(
  { pool, log, name }: Pick<UpkeepParts, 'pool' | 'log'> & Readonly<{ name: string }>,
  work: (session: Session) => Promise<T>,
): Promise<T | undefined> {
  try {
    return await pool.use(WHAT, (session) => transaction(session, () => work(session)));
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== StoreErrorCode.busy) throw error;
    log.info({ range: name }, 'What is past its retention is in use and stays for now');
    return undefined;
  }
}
