import type { RetentionWords } from '@millrace/model';
import { errorText, systemClock, type Clock, type Log } from '@millrace/runtime';
import { PieceNumber } from '@millrace/wire';
import type { PostgresConnection } from '../postgres-connection.ts';
import type { ApplyResult, MarkKey, Store, StoreBatch } from '../store.ts';
import { RETENTION_DEFAULTS, type Retention } from '../retention/retention-policy.ts';
import { StoreError } from '../store-error.ts';
import { applyBatch } from './batch/apply-batch.ts';
import { planBatch, type BatchPlan, type Packing } from './batch/batch-plan.ts';
import { freeDropped } from './editions/drop-editions.ts';
import { expire, type ExpireResult } from './retention/expire.ts';
import { acceptLog, flushMarks, openMark, readMarks } from './completion/marks.ts';
import { nativeLayout } from './layout/native-layout.ts';
import { isMissingPartition, isRowFault } from './connection/postgres-errors.ts';
import { createPostgresPool, type PostgresPool } from './connection/postgres-pool.ts';
import { bucketOfPack } from './samples/pack-samples.ts';
import { createSampleHeads, type SampleHeads } from './samples/sample-heads.ts';
import { PackTurns } from './samples/pack-turns.ts';
import {
  PACKING_DEFAULTS,
  placeSamples,
  type PackingSettings,
} from './samples/sample-placement.ts';
import { ScratchPool, type Scratch } from './batch/scratch.ts';
import { openLayout, type LayoutKind, type StorageLayout } from './layout/storage-layout.ts';
import { createStoredRanges, type StoredRanges } from './layout/stored-ranges.ts';
import { placesByWidth } from './windows/window-rows.ts';
import { HeadMoved, NarrowTimesMissing } from './batch/write-samples.ts';

export interface PostgresStoreSettings {
  /** As many batches (of different partitions) are applied at the same time, less one. */
  connectionsMax: number;
  connectTimeoutMs: number;
  statementTimeoutMs: number;
  lockTimeoutMs: number;
  retention: Retention;
  packing: PackingSettings;
}

export const POSTGRES_STORE_DEFAULTS: PostgresStoreSettings = {
  connectionsMax: 5,
  connectTimeoutMs: 5_000,
  statementTimeoutMs: 60_000,
  lockTimeoutMs: 10_000,
  retention: RETENTION_DEFAULTS,
  packing: PACKING_DEFAULTS,
};

export interface PostgresStore extends Store {
  /** `millrace setup --accept-new-log`: goes on with this log, the one before it is closed. */
  acceptLog(key: MarkKey): Promise<void>;
  /**
   * Forgets what is older than its retention, and what was dropped. Cheap when nothing is; call it
   * every hour or so. `words`: of the rules in force and of each candidate, see `RetentionPolicy`.
   */
  expire(words?: readonly RetentionWords[]): Promise<ExpireResult>;
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
  const heads = createSampleHeads({ pool, clock, log });
  const scratches = new ScratchPool();
  const turns = new PackTurns();
  const parts = { pool, ranges, heads, turns, scratches, log, clock, settings };
  const schema = remembered(() => readSchema({ pool, kinds: params.layouts, log }));
  return {
    marks: (partition) => {
      heads.forget(partition);
      return pool.use(`The marks of partition ${partition} could not be read`, (session) =>
        readMarks(session, partition),
      );
    },
    openMark: (key) =>
      pool.use(`The mark of partition ${key.partition} could not be opened`, (session) =>
        openMark(session, key),
      ),
    acceptLog: (key) =>
      pool.use(`The log of partition ${key.partition} could not be accepted`, (session) =>
        acceptLog(session, key),
      ),
    apply: (batch) => apply({ ...parts, schema }, batch),
    flushedMarks: () => pool.use('Marks could not be flushed', flushMarks),
    expire: async (words = []) => {
      ranges.forget();
      const { layout } = await schema.get();
      const policy = { defaults: settings.retention, words };
      const expired = await expire({ pool, layout, clock, log, policy });
      const freed = await freeDropped(pool);
      if (freed > 0) log.info({ rows: freed }, 'Deleted windows of dropped editions');
      return { ...expired, rowsDeleted: expired.rowsDeleted + freed };
    },
    close: async () => {
      await heads.close();
      await pool.close();
    },
  };
}

interface Parts {
  pool: PostgresPool;
  ranges: StoredRanges;
  heads: SampleHeads;
  turns: PackTurns;
  scratches: ScratchPool;
  log: Log;
  clock: Clock;
  settings: PostgresStoreSettings;
  schema: Remembered<KnownSchema>;
}

/** A range may be dropped between the look and the rows; twice in a row is no accident. */
const ATTEMPTS_MAX = 3;

async function apply(parts: Parts, batch: StoreBatch): Promise<ApplyResult> {
  const scratch = parts.scratches.take(batch);
  const plan = planBatch(batch, scratch.buffers);
  const { partition, source } = batch.key;
  let isolate = false;
  let narrowTimes: Float64Array = new Float64Array(0);
  for (let attempt = 1; ; attempt += 1) {
    const schema = await parts.schema.get();
    try {
      const params = { plan, schema, isolate, narrowTimes, scratch };
      const result = await attemptToApply(parts, params);
      if (attempt === 1) scratch.giveBack();
      return result;
    } catch (error) {
      const native = error instanceof StoreError ? (error.cause ?? error) : error;
      if (error instanceof HeadMoved && attempt < ATTEMPTS_MAX) {
        parts.log.debug({ partition, source }, 'What waits to be packed is read again');
      } else if (error instanceof NarrowTimesMissing && attempt < ATTEMPTS_MAX) {
        narrowTimes = error.times;
      } else if (isMissingPartition(native) && attempt < ATTEMPTS_MAX) {
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

/** What is known of the head is given back only when it is what the table holds. */
async function attemptToApply(
  parts: Parts,
  params: Readonly<{
    plan: BatchPlan;
    schema: KnownSchema;
    isolate: boolean;
    narrowTimes: Float64Array;
    scratch: Scratch;
  }>,
): Promise<ApplyResult> {
  const { heads } = parts;
  const { plan, isolate } = params;
  const { writer } = params.scratch;
  const { layout, inputsOid, isStaging } = params.schema;
  const { partition, source } = plan.batch.key;
  const { to } = plan.batch;
  const what = `Entries of partition ${partition} (${source}) up to ${to.offset} are waiting`;
  const packing = layout.isPacking ? await placeIn(parts, params) : undefined;
  await ensureRanges({ ranges: parts.ranges, layout, plan, packing });
  const { guard, backlogCopySetting, copiesWindows } = layout;
  const result = await parts.pool.use(what, (session) =>
    applyBatch(session, plan, {
      ...{ inputsOid, packing, isolate, guard, backlogCopySetting, copiesWindows },
      ...{ isStaging, writer },
    }),
  );
  if (result.outcome !== 'applied' || packing === undefined) return result;
  if (packing.placement.kind === 'packed' && packing.placement.emptied > 0) heads.vacuum(partition);
  // Rows that were refused were counted among those that lie there.
  if (!isolate) heads.giveBack(partition, packing.head);
  const { cheaperFrom } = packing.placement;
  return cheaperFrom === 0 ? result : { ...result, cheaperFrom };
}

async function placeIn(
  { heads, turns, settings, clock }: Parts,
  params: Readonly<{ plan: BatchPlan; narrowTimes: Float64Array; scratch: Scratch }>,
): Promise<Packing> {
  const { plan, narrowTimes, scratch } = params;
  const { partition } = plan.batch.key;
  const { packing } = settings;
  const head = await heads.take(partition);
  const nowUs = clock.nowUs();
  const placement = placeSamples({
    ...{ head, rows: plan.samples, settings: packing, nowUs, room: scratch.room },
    isTurn: () => turns.take(partition, nowUs, packing.packApartMs),
  });
  return { head, placement, narrowTimes };
}

async function ensureRanges(
  params: Readonly<{
    ranges: StoredRanges;
    layout: StorageLayout;
    plan: BatchPlan;
    packing: Packing | undefined;
  }>,
): Promise<void> {
  const { ranges, layout, plan, packing } = params;
  const { finals } = plan;
  const { histograms, exemplars } = plan.entries;
  const { samples, verified, unverified } = plan.samples;
  const sampleTimes = (rows: Uint32Array) => ({
    length: rows.length,
    at: (i: number) => samples.times[rows[i]!]!,
  });
  const times = (entries: readonly { timeUs: number }[]) => ({
    length: entries.length,
    at: (i: number) => entries[i]!.timeUs,
  });
  if (packing?.placement.kind === 'packed') {
    const { packs } = packing.placement;
    const buckets = { length: packs.count, at: (i: number) => bucketOfPack(packs, i) };
    await ranges.ensure(layout, { table: 'samples_packed', times: buckets });
    const { narrowTimes } = packing;
    const narrow = { length: narrowTimes.length, at: (i: number) => narrowTimes[i]! };
    await ranges.ensure(layout, { table: 'samples_narrow', times: narrow });
  } else if (packing === undefined) {
    await ranges.ensure(layout, { table: 'samples_narrow', times: sampleTimes(verified) });
    await ranges.ensure(layout, { table: 'samples_narrow', times: sampleTimes(unverified) });
  }
  await ranges.ensure(layout, { table: 'histograms', times: times(histograms) });
  await ranges.ensure(layout, { table: 'exemplars', times: times(exemplars) });
  for (const [widthUs, places] of placesByWidth(finals)) {
    const startAt = (i: number) => finals.number(places[i]!, PieceNumber.startUs);
    const starts = { length: places.length, at: startAt };
    await ranges.ensure(layout, { table: 'windows', widthUs, times: starts });
  }
}

/** What statements depend on, and a migration, a restored dump or a GRANT may change. */
interface KnownSchema {
  isStaging: boolean;
  inputsOid: number;
  layout: StorageLayout;
}

async function readSchema(
  params: Readonly<{ pool: PostgresPool; kinds: readonly LayoutKind[]; log: Log }>,
): Promise<KnownSchema> {
  return params.pool.use('The schema could not be read', async (session) => {
    const layout = await openLayout(session, params);
    const { rows } = await session.run<{ oid: number }>('inputs-type');
    const { rows: rights } = await session.run<{ may: boolean }>('may-stage');
    return { layout, inputsOid: rows[0]!.oid, isStaging: rights[0]!.may };
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
