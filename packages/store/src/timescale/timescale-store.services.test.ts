import { reportMissing, type ProvidedService } from '@millrace/runtime/testing';
import { silentLog } from '@millrace/runtime';
import { afterAll, beforeAll, describe, inject } from 'vitest';
import { describeExpiry } from '../postgres/testing/describe-expiry.ts';
import { describeRetention } from '../postgres/testing/describe-retention.ts';
import { readContents, readLedger, readReasons } from '../postgres/testing/postgres-contents.ts';
import { createPostgresEditionStore } from '../postgres/editions/postgres-edition-store.ts';
import type { PostgresStore } from '../postgres/postgres-store.ts';
import { createPostgresStoreReader } from '../postgres/read/postgres-store-reader.ts';
import { describeEditionStore } from '../testing/edition-contract.ts';
import { describeStoreReader } from '../testing/reader-contract.ts';
import { describeStore } from '../testing/store-contract.ts';
import type { TestServer } from '../testing/test-server.ts';
import { startTestTimescale } from './testing/test-timescale.ts';
import { createTimescaleStore } from './timescale-store.ts';

const timescale: ProvidedService = inject('timescale');
if ('missing' in timescale) reportMissing(timescale.missing);

describe.skipIf('missing' in timescale)('with hypertables', () => {
  const start = () => startTestTimescale((timescale as { url: string }).url);

  let server: TestServer;
  beforeAll(async () => {
    server = await start();
  });
  afterAll(() => server.stop());

  describeStore('TimescaleDB', async () => {
    const { connection, drop } = await server.createDatabase();
    return {
      open: () => createTimescaleStore({ connection, log: silentLog }),
      contents: () => readContents(connection),
      ledger: (partition) => readLedger(connection, partition),
      reasons: (partition) => readReasons(connection, partition),
      dispose: drop,
    };
  });
  describeEditionStore('TimescaleDB', async () => {
    const { connection, drop } = await server.createDatabase();
    return {
      open: () => createTimescaleStore({ connection, log: silentLog }),
      openEditions: () => createPostgresEditionStore({ connection, log: silentLog }),
      upkeep: async (store) => void (await (store as PostgresStore).expire()),
      dispose: drop,
    };
  });
  describeStoreReader('TimescaleDB', async () => {
    const { connection, drop } = await server.createDatabase();
    return {
      open: () => createTimescaleStore({ connection, log: silentLog }),
      openReader: () => createPostgresStoreReader({ connection }),
      dispose: drop,
    };
  });
  // What lies in hypertables is dropped otherwise.
  describeExpiry('TimescaleDB', start);
  describeRetention('TimescaleDB', start);
});
