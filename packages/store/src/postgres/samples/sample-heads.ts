import { randomInt } from 'node:crypto';
import { SampleFlag } from '@millrace/model';
import { errorText, type Clock, type Log } from '@millrace/runtime';
import { AdvisoryLock } from '../connection/advisory-lock.ts';
import { HeadSamples } from './head-samples.ts';
import type { PostgresPool } from '../connection/postgres-pool.ts';
import { transaction, type Session } from '../connection/session.ts';

/** What lies in `samples_head` of one partition, at one version of it. */
export interface SampleHead {
  version: number;
  samples: HeadSamples;
  /** When the first of its rows came, or was read; undefined when there is none. */
  sinceUs: number | undefined;
}

export interface SampleHeads {
  /**
   * What is known of a partition's head, read when nothing is. It belongs to whoever took it until
   * it is given back, which must happen only if it is what the table holds: after an error it is
   * dropped, and read again by the next one.
   */
  take(partition: number): Promise<SampleHead>;
  giveBack(partition: number, head: SampleHead): void;
  /** Whoever begins anew with a partition believes nothing that was known of it before. */
  forget(partition: number): void;
  /** Makes room where rows were deleted, by itself, now or at a later call. */
  vacuum(partition: number): void;
  /** Waits for what goes on by itself. */
  close(): Promise<void>;
}

/**
 * A new version of a head, for whoever changes it. Not the next number: a crash of the database may
 * take commits back, and others make new ones.
 */
export function headVersion(): number {
  return randomInt(VERSION_END);
}

/** What `randomInt` can give. */
const VERSION_END = 2 ** 48 - 1;

/** It grows while somebody reads an old snapshot: deleted rows stay until that is over. */
const HEAD_BYTES_MAX = 128 * 1024 * 1024;
/** After the vacuum of a larger one none begins for so many times as long as it took. */
const REST_FACTOR = 3;
/** Those of partitions that somebody else writes now are not kept for ever. */
const KEPT_US_MAX = 600_000_000;
const WHAT = 'What waits to be packed could not be read';

export function createSampleHeads(
  components: Readonly<{ pool: PostgresPool; clock: Clock; log: Log }>,
): SampleHeads {
  const { pool, clock, log } = components;
  const known = new Map<number, { head: SampleHead; usedUs: number }>();
  const load = async (partition: number): Promise<SampleHead> => {
    const read = (session: Session) => readHead(session, partition);
    const found = (await pool.use(WHAT, read)) ?? (await create(partition), undefined);
    const row = found ?? (await pool.use(WHAT, read));
    if (row === undefined) throw new Error(`samples_head_${partition} was made and is not there`);
    const samples = samplesOf(row);
    const sinceUs = samples.count === 0 ? undefined : clock.nowUs();
    return { version: Number(row.version), samples, sinceUs };
  };
  const create = (partition: number) =>
    pool.use(WHAT, (session) =>
      transaction(session, async () => {
        await session.run('lock-ranges', [AdvisoryLock.ranges]);
        await session.run('create-head', [partition]);
      }),
    );
  const vacuum = async (partition: number): Promise<{ isSwollen: boolean }> => {
    try {
      return await pool.use('A head could not be vacuumed', async (session) => {
        const size = await session.run<{ bytes: number }>('size-of-head', [partition]);
        // Giving pages back keeps others out for a moment, and rows are to come that need them.
        const isSwollen = (size.rows[0]?.bytes ?? 0) > HEAD_BYTES_MAX;
        const how = `SKIP_LOCKED, TRUNCATE ${isSwollen ? 'on' : 'off'}`;
        await session.command(`VACUUM (${how}) samples_head_${partition}`);
        return { isSwollen };
      });
    } catch (error) {
      // Autovacuum comes, only later.
      log.debug({ partition, error: errorText(error) }, 'A head was not vacuumed');
      return { isSwollen: false };
    }
  };
  const vacuums = oneAtATime(clock, vacuum);
  return {
    take: async (partition) => {
      const found = known.get(partition);
      known.delete(partition);
      return found?.head ?? (await load(partition));
    },
    giveBack: (partition, head) => {
      const usedUs = clock.nowUs();
      known.set(partition, { head, usedUs });
      for (const [other, { usedUs: beforeUs }] of known) {
        if (usedUs - beforeUs > KEPT_US_MAX) known.delete(other);
      }
    },
    forget: (partition) => void known.delete(partition),
    vacuum: vacuums.ask,
    close: vacuums.close,
  };
}

/**
 * One head after the other. That suffices: a vacuum takes some 10 ms, an eighth of the time at half
 * a million samples a second, and of twice the rows hardly longer. While somebody reads an old
 * snapshot heads swell, by megabytes a second, and each vacuum takes longer than the one before, in
 * vain: of all heads at once they would leave no connection to those who apply. Then there is a
 * rest after each.
 */
function oneAtATime(
  clock: Clock,
  vacuum: (partition: number) => Promise<{ isSwollen: boolean }>,
): { ask(partition: number): void; close(): Promise<void> } {
  const asked = new Set<number>();
  let running: Promise<void> | undefined;
  let rest = { sinceUs: 0, forUs: 0 };
  const run = async (): Promise<void> => {
    for (const partition of asked) {
      asked.delete(partition);
      const startedUs = clock.nowUs();
      const { isSwollen } = await vacuum(partition);
      const sinceUs = clock.nowUs();
      rest = { sinceUs, forUs: isSwollen ? REST_FACTOR * (sinceUs - startedUs) : 0 };
      if (isSwollen) break;
    }
    running = undefined;
  };
  return {
    ask: (partition) => {
      asked.add(partition);
      // A clock that was set back lets nobody rest until it has caught up.
      const isResting = Math.abs(clock.nowUs() - rest.sinceUs) < rest.forUs;
      if (running === undefined && !isResting) running = run();
    },
    close: async () => {
      asked.clear();
      await running;
    },
  };
}

interface HeadRow {
  version: string;
  count: number;
  ids: Buffer | null;
  times: Buffer | null;
  values: Buffer | null;
  flags: Buffer | null;
}

async function readHead(session: Session, partition: number): Promise<HeadRow | undefined> {
  const { rows } = await session.run<HeadRow>('read-head', [
    partition,
    SampleFlag.stale,
    SampleFlag.unverified,
  ]);
  return rows[0];
}

/** 2000-01-01, from which PostgreSQL counts. */
const POSTGRES_EPOCH_US = 946_684_800_000_000;
const TWO_32 = 2 ** 32;

function samplesOf({ count, ids, times, values, flags }: HeadRow): HeadSamples {
  const samples = new HeadSamples();
  if (ids === null || times === null || values === null || flags === null) return samples;
  const all = {
    count,
    seriesIds: ids,
    times: new Float64Array(count),
    values: new Float64Array(count),
    flags,
  };
  for (let i = 0; i < count; i += 1) {
    const us = times.readInt32BE(i * 8) * TWO_32 + times.readUInt32BE(i * 8 + 4);
    all.times[i] = us + POSTGRES_EPOCH_US;
    all.values[i] = values.readDoubleBE(i * 8);
  }
  samples.add(
    all,
    Uint32Array.from({ length: count }, (_, i) => i),
  );
  return samples;
}
