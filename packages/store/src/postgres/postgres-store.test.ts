import { silentLog } from '@millrace/runtime';
import { afterAll, beforeAll } from 'vitest';
import { describeStoreReader } from '../testing/reader-contract.ts';
import { describeStore } from '../testing/store-contract.ts';
import { startTestPostgres, type TestPostgres } from '../testing/test-postgres.ts';
import { createPostgresStore } from './postgres-store.ts';
import { createPostgresStoreReader } from './read/postgres-store-reader.ts';
import { readContents, readLedger, readReasons } from './testing/postgres-contents.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startTestPostgres();
});
afterAll(() => postgres.stop());

describeStore('PostgreSQL', async () => {
  const { connection, drop } = await postgres.createDatabase();
  return {
    open: () => createPostgresStore({ connection, log: silentLog }),
    contents: () => readContents(connection),
    ledger: (partition) => readLedger(connection, partition),
    reasons: (partition) => readReasons(connection, partition),
    dispose: drop,
  };
});

describeStoreReader('PostgreSQL', async () => {
  const { connection, drop } = await postgres.createDatabase();
  return {
    open: () => createPostgresStore({ connection, log: silentLog }),
    openReader: () => createPostgresStoreReader({ connection }),
    dispose: drop,
  };
});
