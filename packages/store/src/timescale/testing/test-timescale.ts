import { silentLog } from '@millrace/runtime';
import type { TestDatabase, TestServer } from '../../testing/test-server.ts';
import { migrateTimescale } from '../migrate-timescale.ts';
import { createTimescaleStore } from '../timescale-store.ts';
import { startEmptyDatabases } from './empty-databases.ts';

/**
 * Databases with hypertables on a server of which `url` names a superuser. They belong to a role
 * of their own, which is an ordinary one with a password: all that production needs.
 */
export async function startTestTimescale(url: string): Promise<TestServer> {
  const databases = await startEmptyDatabases(url);
  // Migrated once: that takes ten times as long as a copy.
  const first = await databases.create();
  await migrateTimescale({ connection: first.connection, log: silentLog, hypertables: 'require' });
  await databases.copyFrom(first.connection);
  const createDatabase = (): Promise<TestDatabase> => databases.create();
  const { connection } = await createDatabase();
  return {
    layout: 'hypertables',
    connection,
    openStore: createTimescaleStore,
    createDatabase,
    stop: () => databases.stop(),
  };
}
