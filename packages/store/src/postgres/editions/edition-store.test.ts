import { silentLog } from '@millrace/runtime';
import { afterAll, beforeAll } from 'vitest';
import { describeEditionStore } from '../../testing/edition-contract.ts';
import { startTestPostgres, type TestPostgres } from '../../testing/test-postgres.ts';
import { createPostgresEditionStore } from './postgres-edition-store.ts';
import { createPostgresStore, type PostgresStore } from '../postgres-store.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startTestPostgres();
});
afterAll(() => postgres.stop());

describeEditionStore('PostgreSQL', async () => {
  const { connection, drop } = await postgres.createDatabase();
  return {
    open: () => createPostgresStore({ connection, log: silentLog }),
    openEditions: () => createPostgresEditionStore({ connection, log: silentLog }),
    upkeep: async (store) => void (await (store as PostgresStore).expire()),
    dispose: drop,
  };
});
