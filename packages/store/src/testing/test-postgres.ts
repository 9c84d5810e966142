import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '@millrace/runtime';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../embedded/embedded-postgres.ts';
import { EMBEDDED_DATABASE } from '../embedded/cluster.ts';
import type { PostgresConnection } from '../postgres-connection.ts';
import { migratePostgres } from '../postgres/layout/migrate.ts';
import { createPostgresStore } from '../postgres/postgres-store.ts';
import { createDatabaseOf, dropDatabase } from '../postgres/testing/databases.ts';
import type { TestServer } from './test-server.ts';

/** An embedded PostgreSQL of a test file. */
export interface TestPostgres extends TestServer {
  server: EmbeddedPostgres;
  directory: string;
}

/** Starts an embedded PostgreSQL in a temporary directory. Migrates once; databases are copies. */
export async function startTestPostgres(): Promise<TestPostgres> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-store-'));
  // As root the server runs as somebody else, who has to get in.
  await chmod(directory, 0o755);
  const server = await startEmbeddedPostgres({ directory, log: silentLog });
  await migratePostgres({ connection: server.connection, log: silentLog });
  const connectTo = (database: string): PostgresConnection => ({
    ...(server.connection as Exclude<PostgresConnection, { url: string }>),
    database,
  });
  const admin = connectTo('postgres');
  let made = 0;
  return {
    server,
    directory,
    layout: 'partitions',
    connection: server.connection,
    openStore: createPostgresStore,
    createDatabase: async () => {
      made += 1;
      const name = `test_${made}`;
      await createDatabaseOf(admin, { name, template: EMBEDDED_DATABASE });
      return { connection: connectTo(name), drop: () => dropDatabase(admin, name) };
    },
    stop: async () => {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
