import { systemClock, type Log } from '@millrace/runtime';
import pg from 'pg';
import type { PostgresConnection } from '../../postgres-connection.ts';
import { StoreError, StoreErrorCode } from '../../store-error.ts';
import { AdvisoryLock } from '../connection/advisory-lock.ts';
import { clientConfig } from '../connection/client-config.ts';
import { translateError, type SqlError } from '../connection/postgres-errors.ts';
import { sessionOf, transaction, type Session } from '../connection/session.ts';
import { readMigrations, type Migration } from './migration-files.ts';
import { otherLayout, type LayoutName } from './storage-layout.ts';

export interface MigrateParams {
  connection: PostgresConnection;
  log: Log;
  /** Changes nothing; tells what would be done. */
  isPlan?: boolean;
  /** How long it waits for a lock at once: while it does, all others wait behind it. */
  lockTimeoutMs?: number;
}

export interface MigrateResult {
  layout: LayoutName;
  /** Why the database has this layout, as the end of a sentence. */
  reason: string;
  /** What was done, or would be: migrations by number and name, and settings of tables. */
  steps: string[];
}

/** How an empty database is to be laid out. */
export interface LayoutChoice {
  layout: LayoutName;
  reason: string;
}

/** Decides the layout of an empty database, and makes what the migrations need for it. */
export interface LayoutPolicy {
  /** Layouts that a database may have already. */
  accepted: readonly LayoutName[];
  /** Must change nothing when it is a plan. */
  choose(session: Session, isPlan: boolean): Promise<LayoutChoice>;
  /** Prepares the transaction for migrations of this layout. */
  prepare?(session: Session, layout: LayoutName): Promise<void>;
  /** Brings the layout up to what the server offers today; tells what it did, or would do. */
  finish?(
    session: Session,
    params: Readonly<{ layout: LayoutName; isPlan: boolean; log: Log }>,
  ): Promise<string[]>;
}

const LIMITS = { connectTimeoutMs: 5_000, statementTimeoutMs: 600_000, lockTimeoutMs: 5_000 };
/** How often it is tried when others have what it needs, and how long they are let through then. */
const ATTEMPTS_MAX = 12;
const REST_MS = 1_000;

const NATIVE: LayoutPolicy = {
  accepted: ['partitions'],
  choose: () => Promise.resolve({ layout: 'partitions', reason: 'nothing else was asked for' }),
};

/**
 * Brings the schema of a database up to this program's, all in one transaction, with native
 * partitions; does nothing when it is. Tries for about a minute while others hold locks
 * (transient, STORE_BUSY). Refuses (permanent, STORE_MIGRATION) a schema that is newer or was
 * applied differently, and (STORE_LAYOUT) one that was made with hypertables.
 */
export function migratePostgres(params: Readonly<MigrateParams>): Promise<MigrateResult> {
  return migrateSchema(params, NATIVE);
}

/** As above, for whatever layouts the policy knows of. */
export async function migrateSchema(
  params: Readonly<MigrateParams>,
  policy: LayoutPolicy,
): Promise<MigrateResult> {
  const { log, isPlan = false, lockTimeoutMs = LIMITS.lockTimeoutMs } = params;
  const client = new pg.Client(clientConfig(params.connection, { ...LIMITS, lockTimeoutMs }));
  // A break shows in the statement under way; without a listener it would end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const session = sessionOf(client);
    return await whenFree(session, log, async () => {
      // What works on the schema from now on must not lose it in a crash of the database.
      await client.query('SET LOCAL synchronous_commit = on');
      await client.query('SELECT pg_advisory_xact_lock($1)', [AdvisoryLock.migrations]);
      const done = await applied(client);
      const recorded = await recordedLayout(client, done);
      if (recorded !== undefined && !policy.accepted.includes(recorded.layout)) {
        throw otherLayout(
          recorded.layout,
          policy.accepted.map((name) => ({ name })),
        );
      }
      const choice = recorded ?? (await policy.choose(session, isPlan));
      const todo = missingMigrations(readMigrations(choice.layout), done);
      if (!isPlan && todo.length > 0) {
        await policy.prepare?.(session, choice.layout);
        for (const migration of todo) await apply(client, session, migration);
        const [from, to] = [done.length, done.length + todo.length];
        log.info({ from, to, ...choice }, 'Schema migrated');
      }
      const steps = todo.map(({ number, name }) => `${number} ${name}`);
      const finish = { layout: choice.layout, isPlan, log };
      return { ...choice, steps: [...steps, ...((await policy.finish?.(session, finish)) ?? [])] };
    });
  } catch (error) {
    throw translateError(error, 'The schema could not be brought up to date');
  } finally {
    await client.end();
  }
}

/** In a transaction, again in another one as long as somebody has a lock that it needs. */
async function whenFree<T>(session: Session, log: Log, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await transaction(session, work);
    } catch (error) {
      if (!isLocked(error) || attempt === ATTEMPTS_MAX) throw error;
      log.info({ attempt, attemptsMax: ATTEMPTS_MAX }, 'The schema is in use and waits');
      await systemClock.sleep(REST_MS);
    }
  }
}

/** Lock timeout, or a deadlock with somebody who reads one view after the other. */
function isLocked(error: unknown): boolean {
  return error instanceof Error && ['55P03', '40P01'].includes((error as SqlError).code ?? '');
}

type Applied = Pick<Migration, 'number' | 'name' | 'checksum'>;

async function applied(client: pg.Client): Promise<Applied[]> {
  if (!(await hasTable(client, 'schema_migrations'))) return [];
  const sql = 'SELECT number, name, checksum FROM schema_migrations ORDER BY number';
  return (await client.query(sql)).rows as Applied[];
}

/** Undefined: no migration has been applied yet. */
async function recordedLayout(
  client: pg.Client,
  done: readonly Applied[],
): Promise<LayoutChoice | undefined> {
  if (done.length === 0) return undefined;
  const reason = 'its first migration made it so';
  if (!(await hasTable(client, 'store_layout'))) return { layout: 'partitions', reason };
  const { rows } = await client.query('SELECT layout FROM store_layout');
  return { layout: (rows as { layout: LayoutName }[])[0]!.layout, reason };
}

async function hasTable(client: pg.Client, name: string): Promise<boolean> {
  const found = await client.query('SELECT to_regclass($1) IS NOT NULL AS found', [name]);
  return (found.rows as { found: boolean }[])[0]!.found;
}

/** What of `known` is still to be applied, in that order. */
export function missingMigrations(
  known: readonly Migration[],
  done: readonly Applied[],
): Migration[] {
  for (const { number, name, checksum } of done) {
    const ours = known.find((migration) => migration.number === number);
    if (ours?.checksum === checksum) continue;
    const [happened, remedy] =
      ours === undefined
        ? ['is not known to this program: the schema is newer', 'Run the newer release.']
        : [
            'was applied in another form than this program brings',
            'Run the release that made this database, or a later one.',
          ];
    throw new StoreError({
      code: StoreErrorCode.migration,
      kind: 'permanent',
      message:
        `Migration ${number} (${name}) ${happened}. The database was not touched, and nothing ` +
        'is lost: the log keeps what is not stored yet.',
      remedy,
    });
  }
  const numbers = new Set(done.map(({ number }) => number));
  return known.filter(({ number }) => !numbers.has(number));
}

async function apply(client: pg.Client, session: Session, migration: Migration): Promise<void> {
  // As one simple query: a migration is several statements.
  await session.command(migration.sql);
  await client.query('INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3)', [
    migration.number,
    migration.name,
    migration.checksum,
  ]);
}
