import type { TimeUs } from '@millrace/model';
import type { Clock, Log } from '@millrace/runtime';
import { StoreError, StoreErrorCode } from '../store-error.ts';
import { timeParameter } from './array-parameters.ts';
import { PARTITIONS_LOCK, readPartitions, type KnownPartition } from './partitions.ts';
import type { PostgresPool } from './postgres-pool.ts';
import { transaction, type Session } from './session.ts';

/** How long what is kept, in milliseconds of the pipeline's time. */
export interface Retention {
  /** Samples, histograms, exemplars and unverified samples. */
  rawMs: number;
  /** Windows narrower than an hour. */
  narrowWindowsMs: number;
  /** Windows of an hour and more. */
  wideWindowsMs: number;
  deadLettersMs: number;
}

const DAY_MS = 86_400_000;

export const RETENTION_DEFAULTS: Retention = {
  rawMs: 7 * DAY_MS,
  narrowWindowsMs: 30 * DAY_MS,
  wideWindowsMs: 730 * DAY_MS,
  deadLettersMs: 30 * DAY_MS,
};

export interface ExpireResult {
  /** Names of native partitions that are gone as a whole. */
  dropped: string[];
  rowsDeleted: number;
}

const HOUR_US = 3_600_000_000;
const DAY_US = DAY_MS * 1000;
const WHAT = 'What is past its retention could not be removed';

/**
 * Drops partitions that are past their retention as a whole and deletes what is past it in those
 * that span much time. A clock that jumps ahead forgets nothing: it is age against the newest
 * watermark that counts, where that is behind the clock.
 */
export async function expire(
  components: Readonly<{ pool: PostgresPool; clock: Clock; log: Log; retention: Retention }>,
): Promise<ExpireResult> {
  const { pool, clock, log, retention } = components;
  const result: ExpireResult = { dropped: [], rowsDeleted: 0 };
  const { nowUs, partitions } = await pool.use(WHAT, async (session) => ({
    nowUs: Math.min(clock.nowUs(), await newestWatermark(session)),
    partitions: await readPartitions(session),
  }));
  for (const partition of partitions) {
    const cutoffUs = nowUs - retentionMs(partition, retention) * 1000;
    if (partition.untilUs <= cutoffUs) {
      if (await tryDrop(components, partition.name)) result.dropped.push(partition.name);
    } else if (partition.fromUs < cutoffUs && partition.untilUs - partition.fromUs > 31 * DAY_US) {
      const column = partition.parent === 'windows' ? 'start' : 'time';
      result.rowsDeleted += await deleteBefore(pool, partition.name, column, cutoffUs);
    }
  }
  const rawUs = nowUs - retention.rawMs * 1000;
  const lettersUs = nowUs - retention.deadLettersMs * 1000;
  result.rowsDeleted += await deleteBefore(pool, 'unverified', 'received_at', rawUs);
  result.rowsDeleted += await deleteBefore(pool, 'dead_letters', 'recorded_at', lettersUs);
  if (result.dropped.length > 0 || result.rowsDeleted > 0) {
    log.info({ ...result }, 'Removed what is past its retention');
  }
  return result;
}

function retentionMs({ parent, widthUs }: KnownPartition, retention: Retention): number {
  if (parent !== 'windows') return retention.rawMs;
  return widthUs! < HOUR_US ? retention.narrowWindowsMs : retention.wideWindowsMs;
}

async function newestWatermark(session: Session): Promise<TimeUs> {
  const { rows } = await session.run<{ watermark_us: string | null }>('newest-watermark');
  const newest = rows[0]?.watermark_us ?? null;
  return newest === null ? -Infinity : Number(newest);
}

/**
 * False when somebody reads the partition. While a drop waits for its lock all others wait behind
 * it, so it waits for a moment only; there is time enough until the next call.
 */
async function tryDrop(
  { pool, log }: Readonly<{ pool: PostgresPool; log: Log }>,
  name: string,
): Promise<boolean> {
  try {
    await pool.use(WHAT, (session) =>
      transaction(session, async () => {
        await session.command("SET LOCAL lock_timeout = '1s'");
        await session.run('lock-partitions', [PARTITIONS_LOCK]);
        await session.run('drop-partition', [name]);
      }),
    );
    return true;
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== StoreErrorCode.busy) throw error;
    log.info({ partition: name }, 'A partition past its retention is in use and stays for now');
    return false;
  }
}

const DELETE_ROWS_MAX = 20_000;

/** In portions, so that no statement takes long and no transaction holds many locks. */
async function deleteBefore(
  pool: PostgresPool,
  table: string,
  column: string,
  beforeUs: TimeUs,
): Promise<number> {
  if (beforeUs === -Infinity) return 0;
  let deleted = 0;
  for (;;) {
    const parameters = [table, column, timeParameter(beforeUs), DELETE_ROWS_MAX];
    const { rows } = await pool.use(WHAT, (session) =>
      session.run<{ deleted: number }>('delete-before', parameters),
    );
    deleted += rows[0]!.deleted;
    if (rows[0]!.deleted < DELETE_ROWS_MAX) return deleted;
  }
}
