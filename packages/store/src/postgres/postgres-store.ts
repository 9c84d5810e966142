import { errorText, systemClock, type Clock, type Log } from '@millrace/runtime';
import type { PostgresConnection } from '../postgres-connection.ts';
import type { ApplyResult, MarkKey, Store, StoreBatch } from '../store.ts';
import { StoreError } from '../store-error.ts';
import { applyBatch, planBatch, type BatchPlan } from './apply-batch.ts';
import { expire, RETENTION_DEFAULTS, type ExpireResult, type Retention } from './expire.ts';
import { acceptLog, flushMarks, openMark, readMarks } from './marks.ts';
import { nativeLayout } from './native-layout.ts';
import { isMissingPartition, isRowFault } from './postgres-errors.ts';
import { createPostgresPool, type PostgresPool } from './postgres-pool.ts';
import { openLayout, type LayoutKind, type StorageLayout } from './storage-layout.ts';
import { createStoredRanges, type StoredRanges } from './stored-ranges.ts';

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

export interface PostgresStoreParams {
  connection: PostgresConnection;
  log: Log;
  clock?: Clock;
  settings?: Partial<PostgresStoreSettings>;
}

/**
 * A store in any PostgreSQL whose schema `migratePostgres` has made. It connects when it is first
 * used, so it can be made while the database is away. Throws STORE_URL for a URL that is none.
 */
export function createPostgresStore(params: Readonly<PostgresStoreParams>): PostgresStore {
  return createStoreOn({ ...params, layouts: [nativeLayout] });
}

/** A store in a PostgreSQL that is laid out in one of these ways; it looks which one it is. */
export function createStoreOn(
  params: Readonly<PostgresStoreParams & { layouts: readonly LayoutKind[] }>,
): PostgresStore {
  const settings = { ...POSTGRES_STORE_DEFAULTS, ...params.settings };
  const { log } = params;
  const clock = params.clock ?? systemClock;
  const pool = createPostgresPool({ connection: params.connection, log, settings });
  const ranges = createStoredRanges({ pool, clock });
  const schema = remembered(() => readSchema({ pool, kinds: params.layouts, log }));
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
    apply: (batch) => apply({ pool, ranges, log, schema }, batch),
    flushedMarks: () => pool.use('Marks could not be flushed', flushMarks),
    expire: async () => {
      ranges.forget();
      const { layout } = await schema.get();
      return expire({ pool, layout, clock, log, retention: settings.retention });
    },
    close: () => pool.close(),
  };
}

interface Parts {
  pool: PostgresPool;
  ranges: StoredRanges;
  log: Log;
  schema: Remembered<KnownSchema>;
}

/** A range may be dropped between the look and the rows; twice in a row is no accident. */
const ATTEMPTS_MAX = 3;

async function apply(parts: Parts, batch: StoreBatch): Promise<ApplyResult> {
  const plan = planBatch(batch);
  const { partition, source } = batch.key;
  const what = `Entries of partition ${partition} (${source}) up to ${batch.to.offset} are waiting`;
  let isolate = false;
  for (let attempt = 1; ; attempt += 1) {
    const { layout, inputsOid } = await parts.schema.get();
    try {
      await ensureRanges(parts.ranges, layout, plan);
      const { guard, denseCopySetting } = layout;
      return await parts.pool.use(what, (session) =>
        applyBatch(session, plan, { inputsOid, isolate, guard, denseCopySetting }),
      );
    } catch (error) {
      const native = error instanceof StoreError ? error.cause : error;
      if (isMissingPartition(native) && attempt < ATTEMPTS_MAX) {
        parts.ranges.forget();
      } else if (isRowFault(native) && !isolate) {
        isolate = true;
        const fields = { partition, source, error: errorText(native) };
        parts.log.warn(fields, 'The store refused a row; the batch is repeated to isolate it');
      } else {
        // Whatever it was, nothing known of the database is trusted after it.
        parts.ranges.forget();
        parts.schema.forget();
        throw error;
      }
    }
  }
}

async function ensureRanges(
  ranges: StoredRanges,
  layout: StorageLayout,
  plan: BatchPlan,
): Promise<void> {
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
  await ranges.ensure(layout, { table: 'samples', times: sampleTimes(verified) });
  await ranges.ensure(layout, { table: 'samples', times: sampleTimes(unverified) });
  await ranges.ensure(layout, { table: 'histograms', times: times(histograms) });
  await ranges.ensure(layout, { table: 'exemplars', times: times(exemplars) });
  for (const widthUs of new Set(finals.map((piece) => piece.widthUs))) {
    const some = finals.filter((piece) => piece.widthUs === widthUs);
    const starts = { length: some.length, at: (i: number) => some[i]!.startUs };
    await ranges.ensure(layout, { table: 'windows', widthUs, times: starts });
  }
}

/** What statements depend on, and a migration or a restored dump may change. */
interface KnownSchema {
  inputsOid: number;
  layout: StorageLayout;
}

async function readSchema(
  params: Readonly<{ pool: PostgresPool; kinds: readonly LayoutKind[]; log: Log }>,
): Promise<KnownSchema> {
  return params.pool.use('The schema could not be read', async (session) => {
    const layout = await openLayout(session, params);
    const { rows } = await session.run<{ oid: number }>('inputs-type');
    return { layout, inputsOid: rows[0]!.oid };
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
