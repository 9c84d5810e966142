import type { Log } from '@millrace/runtime';
import pg from 'pg';
import type { PostgresConnection } from '../postgres-connection.ts';
import { StoreError, StoreErrorCode } from '../store-error.ts';
import { translateError } from './postgres-errors.ts';
import { clientConfig } from './postgres-pool.ts';
import { sessionOf, transaction, type Session } from './session.ts';
import { readMigrations, type Migration } from './sql-files.ts';

/** Any number will do that nothing else in the database locks by. */
const MIGRATIONS_LOCK = 4_711_580_132;

const TIMEOUTS = { connectTimeoutMs: 5_000, statementTimeoutMs: 600_000, lockTimeoutMs: 60_000 };

/**
 * Brings the schema of a database up to this program's, all in one transaction; does nothing when
 * it is. Refuses (permanent, STORE_MIGRATION) a schema that is newer or was applied differently.
 */
export async function migratePostgres(
  params: Readonly<{ connection: PostgresConnection; log: Log }>,
): Promise<void> {
  const client = new pg.Client(clientConfig(params.connection, TIMEOUTS));
  // A break shows in the statement under way; without a listener it would end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const session = sessionOf(client);
    await transaction(session, async () => {
      // What works on the schema from now on must not lose it in a crash of the database.
      await client.query('SET LOCAL synchronous_commit = on');
      await client.query('SELECT pg_advisory_xact_lock($1)', [MIGRATIONS_LOCK]);
      const done = await applied(client);
      const todo = missingMigrations(readMigrations(), done);
      for (const migration of todo) await apply(client, session, migration);
      if (todo.length > 0) {
        params.log.info({ from: done.length, to: done.length + todo.length }, 'Schema migrated');
      }
    });
  } catch (error) {
    throw translateError(error, 'The schema could not be brought up to date');
  } finally {
    await client.end();
  }
}

type Applied = Pick<Migration, 'number' | 'name' | 'checksum'>;

async function applied(client: pg.Client): Promise<Applied[]> {
  const found = await client.query("SELECT to_regclass('schema_migrations') IS NOT NULL AS found");
  if ((found.rows as { found: boolean }[])[0]?.found !== true) return [];
  const sql = 'SELECT number, name, checksum FROM schema_migrations ORDER BY number';
  return (await client.query(sql)).rows as Applied[];
}

/** What of `known` is still to be applied behind `done`. */
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
  return known.slice(done.length);
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
