import { silentLog } from '@millrace/runtime';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { PostgresConnection } from '../postgres-connection.ts';
import { createDatabaseOf } from '../postgres/testing/databases.ts';
import { addressOf, batchOf, keyOf, NOON_US, samplesOf, seriesOf } from '../testing/entries.ts';
import { startTestPostgres, type TestPostgres } from '../testing/test-postgres.ts';
import { migrateTimescale } from './migrate-timescale.ts';
import { createTimescaleStore } from './timescale-store.ts';

let postgres: TestPostgres;
let connection: PostgresConnection;
beforeAll(async () => {
  postgres = await startTestPostgres();
  const place = postgres.connection as Exclude<PostgresConnection, { url: string }>;
  connection = { ...place, database: 'plain' };
  const admin = { ...place, database: 'postgres' };
  await createDatabaseOf(admin, { name: 'plain', template: 'template0' });
});
afterAll(() => postgres.stop());

it('makes native partitions where there is no TimescaleDB, and works with them', async () => {
  const params = { connection, log: silentLog };
  await expect(migrateTimescale({ ...params, hypertables: 'require' })).rejects.toMatchObject({
    code: 'STORE_LAYOUT',
    kind: 'permanent',
    message: expect.stringContaining('cannot be had: this server has no TimescaleDB'),
  });
  const why = { layout: 'partitions', reason: 'this server has no TimescaleDB' };
  expect(await migrateTimescale({ ...params, isPlan: true })).toMatchObject(why);
  expect(await migrateTimescale(params)).toMatchObject(why);
  const store = createTimescaleStore(params);
  await store.openMark(keyOf());
  const samples = samplesOf([{ series: seriesOf('up'), timeUs: NOON_US, value: 1 }]);
  const { outcome } = await store.apply(batchOf({ to: addressOf(1) }, { samples }));
  expect(outcome).toBe('applied');
  expect((await store.flushedMarks()).get(0)!.mark).toEqual(addressOf(1));
  await store.close();
});
