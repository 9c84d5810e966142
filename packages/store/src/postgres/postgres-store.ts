import { errorText, systemClock, type Clock, type Log } from '@millrace/runtime';
import type { PostgresConnection } from '../postgres-connection.ts';
import type { ApplyResult, MarkKey, Store, StoreBatch } from '../store.ts';
import { StoreError } from '../store-error.ts';
import { applyBatch, planBatch, type BatchPlan } from './apply-batch.ts';
import { expire, RETENTION_DEFAULTS, type ExpireResult, type Retention } from './expire.ts';
import { acceptLog, flushMarks, openMark, readMarks } from './marks.ts';
import { createPartitions, type Partitions } from './partitions.ts';
import { isMissingPartition, isRowFault } from './postgres-errors.ts';
import { createPostgresPool, type PostgresPool } from './postgres-pool.ts';

export interface PostgresStoreSettings {
  /** As many batches (of different partitions) are applied at the same time, less one. */
  connectionsMax: number;
  connectTimeoutMs: number;
  statementTimeoutMs: number;
  lockTimeoutMs: number;
  retention: Retention;
}

export const POSTGRES_STORE_DEFAULTS: PostgresStoreSettings = {
  connectionsMax: 5,
  connectTimeoutMs: 5_000,
  statementTimeoutMs: 60_000,
  lockTimeoutMs: 10_000,
  retention: RETENTION_DEFAULTS,
};

export interface PostgresStore extends Store {
  /** `millrace setup --accept-new-log`: goes on with this log, the one before it is closed. */
  acceptLog(key: MarkKey): Promise<void>;
  /** Forgets what is older than its retention. Cheap when nothing is; call it every hour or so. */
  expire(): Promise<ExpireResult>;
}

/**
 * A store in any PostgreSQL whose schema `migratePostgres` has made. It connects when it is first
 * used, so it can be made while the database is away.
 */
export function createPostgresStore(
  params: Readonly<{
    connection: PostgresConnection;
    log: Log;
    clock?: Clock;
    settings?: Partial<PostgresStoreSettings>;
  }>,
): PostgresStore {
  const settings = { ...POSTGRES_STORE_DEFAULTS, ...params.settings };
  const { log } = params;
  const clock = params.clock ?? systemClock;
  const pool = createPostgresPool({ connection: params.connection, log, settings });
  const partitions = createPartitions({ pool, clock });
  const inputsOid = remembered(() => readInputsOid(pool));
  return {
    marks: (partition) =>
      pool.use(`The marks of partition ${partition} could not be read`, (session) =>
        readMarks(session, partition),
      ),
    openMark: (key) =>
      pool.use(`The mark of partition ${key.partition} could not be opened`, (session) =>
        openMark(session, key),
      ),
    acceptLog: (key) =>
      pool.use(`The log of partition ${key.partition} could not be accepted`, (session) =>
        acceptLog(session, key),
      ),
    apply: (batch) => apply({ pool, partitions, log, inputsOid }, batch),
    flushedMarks: () => pool.use('Marks could not be flushed', flushMarks),
    expire: () => {
      partitions.forget();
      return expire({ pool, clock, log, retention: settings.retention });
    },
    close: () => pool.close(),
  };
}

interface Parts {
  pool: PostgresPool;
  partitions: Partitions;
  log: Log;
  inputsOid: Remembered<number>;
}

/** A partition may be dropped between the look and the rows; twice in a row is no accident. */
const ATTEMPTS_MAX = 3;

async function apply(parts: Parts, batch: StoreBatch): Promise<ApplyResult> {
  const plan = planBatch(batch);
  const { partition, source } = batch.key;
  const what = `Entries of partition ${partition} (${source}) up to ${batch.to.offset} are waiting`;
  let isolate = false;
  for (let attempt = 1; ; attempt += 1) {
    await ensurePartitions(parts.partitions, plan);
    const inputsOid = await parts.inputsOid.get();
    try {
      return await parts.pool.use(what, (session) =>
        applyBatch(session, plan, { inputsOid, isolate }),
      );
    } catch (error) {
      const native = error instanceof StoreError ? error.cause : error;
      if (isMissingPartition(native) && attempt < ATTEMPTS_MAX) {
        parts.partitions.forget();
      } else if (isRowFault(native) && !isolate) {
        isolate = true;
        const fields = { partition, source, error: errorText(native) };
        parts.log.warn(fields, 'The store refused a row; the batch is repeated to isolate it');
      } else {
        // Whatever it was, nothing known of the database is trusted after it.
        parts.partitions.forget();
        parts.inputsOid.forget();
        throw error;
      }
    }
  }
}

async function ensurePartitions(partitions: Partitions, plan: BatchPlan): Promise<void> {
  const { histograms, exemplars, finals } = plan.entries;
  const { samples, verified, unverified } = plan.samples;
  const sampleTimes = (rows: Uint32Array) => ({
    length: rows.length,
    at: (i: number) => samples.times[rows[i]!]!,
  });
  const times = (entries: readonly { timeUs: number }[]) => ({
    length: entries.length,
    at: (i: number) => entries[i]!.timeUs,
  });
  await partitions.ensure('samples', undefined, sampleTimes(verified));
  await partitions.ensure('samples', undefined, sampleTimes(unverified));
  await partitions.ensure('histograms', undefined, times(histograms));
  await partitions.ensure('exemplars', undefined, times(exemplars));
  for (const widthUs of new Set(finals.map((piece) => piece.widthUs))) {
    const some = finals.filter((piece) => piece.widthUs === widthUs);
    await partitions.ensure('windows', widthUs, {
      length: some.length,
      at: (i) => some[i]!.startUs,
    });
  }
}

async function readInputsOid(pool: PostgresPool): Promise<number> {
  return pool.use('The schema could not be read', async (session) => {
    const { rows } = await session.run<{ oid: number }>('inputs-type');
    return rows[0]!.oid;
  });
}

interface Remembered<T> {
  get(): Promise<T>;
  forget(): void;
}

/** Remembers a success; a failure is tried again at the next call. */
function remembered<T>(load: () => Promise<T>): Remembered<T> {
  let value: { loaded: T } | undefined;
  return {
    get: async () => {
      value ??= { loaded: await load() };
      return value.loaded;
    },
    forget: () => {
      value = undefined;
    },
  };
}
