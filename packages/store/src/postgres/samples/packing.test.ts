import { silentLog } from '@millrace/runtime';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  addressOf,
  batchOf,
  keyOf,
  NOON_US,
  samplesOf,
  SECOND_US,
  seriesIdHex,
  seriesOf,
} from '../../testing/entries.ts';
import { startTestPostgres, type TestPostgres } from '../../testing/test-postgres.ts';
import { migratePostgres } from '../layout/migrate.ts';
import { createPostgresStore } from '../postgres-store.ts';
import { readMigrations } from '../layout/migration-files.ts';
import { dropDatabase, runStatements } from '../testing/databases.ts';
import { describePacking } from '../testing/describe-packing.ts';
import { readContents } from '../testing/postgres-contents.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startTestPostgres();
});
afterAll(() => postgres.stop());

describePacking('native partitions', () =>
  Promise.resolve({ ...postgres, stop: () => Promise.resolve() }),
);

it('samples of releases before are read, told from new ones and forgotten as ever', async () => {
  const place = postgres.connection as { host: string; port: number; user: string };
  const admin = { ...place, database: 'postgres' };
  const connection = { ...place, database: 'before' };
  await runStatements(admin, 'CREATE DATABASE before');
  for (const { number, name, checksum, sql } of readMigrations('partitions').slice(0, 10)) {
    await runStatements(
      connection,
      `${sql}; INSERT INTO schema_migrations VALUES (${number}, '${name}', '${checksum}')`,
    );
  }
  const id = `(x'${seriesIdHex(seriesOf('up'))}')::bigint`;
  await runStatements(
    connection,
    `SELECT create_store_partition('samples', 'samples_20260301', NULL,
       '2026-03-01Z', '2026-03-02Z');
     INSERT INTO samples VALUES ('2026-03-01 12:00Z', '2026-03-01 12:00Z', ${id}, 1);
     DO $$ BEGIN CREATE ROLE looker; END $$; GRANT SELECT ON ALL TABLES IN SCHEMA public TO looker`,
  );
  await migratePostgres({ connection, log: silentLog });
  await runStatements(connection, 'SET ROLE looker; SELECT FROM samples, series_samples');
  const store = createPostgresStore({ connection, log: silentLog });
  await store.openMark(keyOf());
  const sample = (second: number) => ({
    ...{ series: seriesOf('up'), timeUs: NOON_US + second * SECOND_US, value: 2 },
    unverified: true,
  });
  const samples = samplesOf([sample(0), sample(8 * 86_400)]);
  const watermarkUs = NOON_US + 9 * 86_400 * SECOND_US;
  const ledger = [{ totals: [], partitionTimeUs: watermarkUs, watermarkUs, position: 1 }];
  const result = await store.apply(batchOf({ to: addressOf(1) }, { samples, ledger }));
  expect(result.unverifiedDuplicates).toBe(1);
  const values = async () => (await readContents(connection)).samples.map(({ value }) => value);
  expect(await values()).toEqual([1, 2]);
  expect((await store.expire()).dropped).toEqual(['samples_20260301']);
  expect(await values()).toEqual([2]);
  await store.close();
  await dropDatabase(admin, 'before');
});
