import type { TimeUs } from '@millrace/model';
import type { Clock, Log } from '@millrace/runtime';
import { StoreError, StoreErrorCode } from '../store-error.ts';
import type { ExpiringTable } from '../store-reader.ts';
import { timeParameter } from './array-parameters.ts';
import type { PostgresPool } from './postgres-pool.ts';
import { headVersion } from './sample-heads.ts';
import { transaction, type Session } from './session.ts';
import {
  RANGES_LOCK,
  type RetentionClass,
  type StorageLayout,
  type StoredRange,
} from './storage-layout.ts';
import { DAY_US, MINUTE_US } from './time-spans.ts';

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
  /** Names of partitions or chunks that are gone as a whole. */
  dropped: string[];
  rowsDeleted: number;
}

const WHAT = 'What is past its retention could not be removed';

type Components = Readonly<{ pool: PostgresPool; layout: StorageLayout; clock: Clock; log: Log }>;

/**
 * Drops ranges that are past their retention as a whole and deletes what is past it in those
 * that span much time. A clock that jumps ahead forgets nothing: it is age against the newest
 * watermark that counts, where that is behind the clock.
 */
export async function expire(
  components: Components & Readonly<{ retention: Retention }>,
): Promise<ExpireResult> {
  const { pool, layout, clock, log, retention } = components;
  const result: ExpireResult = { dropped: [], rowsDeleted: 0 };
  const { nowUs, ranges } = await pool.use(WHAT, async (session) => ({
    nowUs: Math.min(clock.nowUs(), await newestWatermark(session)),
    ranges: await layout.readRanges(session),
  }));
  for (const range of ranges) {
    const cutoffUs = nowUs - retentionMs(range.retention, retention) * 1000;
    if (range.untilUs <= cutoffUs) {
      if (await tryDrop(components, range)) result.dropped.push(range.name);
    } else if (
      range.fromUs < cutoffUs &&
      range.untilUs - range.fromUs > LONG_RANGE_US &&
      range.isDeletable
    ) {
      const { name, timeColumn, table } = range;
      result.rowsDeleted += await deleteBefore(pool, { name, timeColumn, table }, cutoffUs);
    }
  }
  const rawUs = nowUs - retention.rawMs * 1000;
  const lettersUs = nowUs - retention.deadLettersMs * 1000;
  result.rowsDeleted += await deleteBefore(pool, UNVERIFIED, rawUs);
  result.rowsDeleted += await deleteBefore(pool, DEAD_LETTERS, lettersUs);
  result.rowsDeleted += await expireHeads(components, rawUs);
  if (result.dropped.length > 0 || result.rowsDeleted > 0) {
    log.info({ ...result }, 'Removed what is past its retention');
  }
  return result;
}

/** Where rows are, by which time they expire, and as whose rows that is noted. */
interface Place {
  name: string;
  timeColumn: string;
  table: ExpiringTable;
}

const UNVERIFIED: Place = {
  name: 'unverified',
  timeColumn: 'received_at',
  table: 'unverified',
};
const DEAD_LETTERS: Place = {
  name: 'dead_letters',
  timeColumn: 'recorded_at',
  table: 'dead_letters',
};

/** Shorter ones are soon dropped as a whole. */
const LONG_RANGE_US = 31 * DAY_US;

function retentionMs(retentionClass: RetentionClass, retention: Retention): number {
  switch (retentionClass) {
    case 'raw':
      return retention.rawMs;
    case 'narrow windows':
      return retention.narrowWindowsMs;
    case 'wide windows':
      return retention.wideWindowsMs;
  }
}

async function newestWatermark(session: Session): Promise<TimeUs> {
  const { rows } = await session.run<{ watermark_us: string | null }>('newest-watermark');
  const newest = rows[0]?.watermark_us ?? null;
  return newest === null ? -Infinity : Number(newest);
}

/**
 * False when somebody reads the range. While a drop waits for its lock all others wait behind
 * it, so it waits for a moment only; there is time enough until the next call.
 */
async function tryDrop(
  { pool, layout, log }: Components,
  { name, table, untilUs }: StoredRange,
): Promise<boolean> {
  const drop = async (session: Session): Promise<true> => {
    await session.command("SET LOCAL lock_timeout = '1s'");
    await session.run('lock-ranges', [RANGES_LOCK]);
    await session.run('note-expired', [table, timeParameter(untilUs)]);
    await layout.dropRange(session, name);
    return true;
  };
  return (await unlessBusy({ pool, log, name }, drop)) ?? false;
}

/**
 * Rows that wait to be packed, where nobody packs them any more: their partition stands still, is
 * in no log of now, or the database has got another way to store samples.
 */
async function expireHeads({ pool, log }: Components, beforeUs: TimeUs): Promise<number> {
  if (beforeUs === -Infinity) return 0;
  const before = timeParameter(beforeUs);
  const { rows } = await pool.use(WHAT, (session) =>
    session.run<{ partition: number }>('read-expired-heads', [before]),
  );
  let deleted = 0;
  for (const { partition } of rows) {
    const name = `samples_head_${partition}`;
    const count = await unlessBusy({ pool, log, name }, async (session) => {
      // First of all: who remembers these rows would write them again otherwise.
      await session.run('renew-head', [partition, headVersion()]);
      const gone = await session.run('expire-head', [partition, before]);
      if (gone.count > 0) await session.run('note-expired', ['samples', before]);
      return gone.count;
    });
    deleted += count ?? 0;
  }
  return deleted;
}

/** One transaction; undefined when it could not get a lock in time. */
async function unlessBusy<T>(
  { pool, log, name }: Pick<Components, 'pool' | 'log'> & Readonly<{ name: string }>,
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

const DELETE_ROWS_MAX = 20_000;

/** In portions, so that no statement takes long and no transaction holds many locks. */
async function deleteBefore(
  pool: PostgresPool,
  { name, timeColumn, table }: Place,
  beforeUs: TimeUs,
): Promise<number> {
  if (beforeUs === -Infinity) return 0;
  let deleted = 0;
  for (;;) {
    // A row with a bucket holds samples up to a minute behind it.
    const goneUs = timeColumn === 'bucket' ? beforeUs + MINUTE_US : beforeUs;
    const bounds = [timeParameter(beforeUs), DELETE_ROWS_MAX, timeParameter(goneUs)];
    const parameters = [name, timeColumn, ...bounds, table];
    const { rows } = await pool.use(WHAT, (session) =>
      session.run<{ deleted: number }>('delete-before', parameters),
    );
    deleted += rows[0]!.deleted;
    if (rows[0]!.deleted < DELETE_ROWS_MAX) return deleted;
  }
}
