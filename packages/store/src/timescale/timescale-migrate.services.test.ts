import { silentLog, type Log } from '@millrace/runtime';
import { reportMissing } from '@millrace/runtime/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import type { PostgresConnection } from '../postgres-connection.ts';
import { migratePostgres } from '../postgres/layout/migrate.ts';
import { createPostgresStore } from '../postgres/postgres-store.ts';
import { runQuery } from '../postgres/connection/run-query.ts';
import { readMigrations } from '../postgres/layout/migration-files.ts';
import type { LayoutName } from '../postgres/layout/storage-layout.ts';
import { runStatements } from '../postgres/testing/databases.ts';
import { describeSchema } from '../postgres/testing/describe-schema.ts';
import { readmeExamples } from '../postgres/testing/readme-examples.ts';
import { PACKING_AT_ONCE } from '../testing/packing-at-once.ts';
import { addressOf, batchOf, keyOf, NOON_US, samplesOf, seriesOf } from '../testing/entries.ts';
import { migrateTimescale } from './migrate-timescale.ts';
import { startEmptyDatabases, type EmptyDatabases } from './testing/empty-databases.ts';
import { createTimescaleStore } from './timescale-store.ts';

const timescale = inject('timescale');
if ('missing' in timescale) reportMissing(timescale.missing);

describe.skipIf('missing' in timescale)('migrating a database of a server with TimescaleDB', () => {
  let databases: EmptyDatabases;
  let connection: PostgresConnection;
  let drop: () => Promise<void>;

  beforeAll(async () => {
    databases = await startEmptyDatabases((timescale as { url: string }).url);
  });
  afterAll(() => databases.stop());
  beforeEach(async () => {
    ({ connection, drop } = await databases.create());
  });
  afterEach(() => drop());

  const migrate = (more: Partial<Parameters<typeof migrateTimescale>[0]> = {}) =>
    migrateTimescale({ connection, log: silentLog, ...more });
  const sql = async (text: string) => (await runQuery(connection, text, { write: true })).rows;
  const asAdmin = (text: string) => runStatements(databases.adminOf(connection), text);
  const appliedTo = async () => {
    const store = createTimescaleStore({ connection, log: silentLog });
    await store.openMark(keyOf());
    const samples = samplesOf([{ series: seriesOf('up'), timeUs: NOON_US, value: 1 }]);
    const { outcome } = await store.apply(batchOf({ to: addressOf(1) }, { samples }));
    const [[count]] = (await sql('SELECT count(*) FROM samples')) as [[number]];
    await store.close();
    return { outcome, count };
  };

  it('makes hypertables when it can, and says so', async () => {
    expect(await migrate()).toEqual({
      layout: 'hypertables',
      reason: expect.stringMatching(/^TimescaleDB 2\.\d+\.\d+ can be made in it$/),
      steps: stepsOf('hypertables'),
    });
    expect(
      await sql('SELECT hypertable_name FROM timescaledb_information.hypertables'),
    ).toHaveLength(6);
    expect(await migrate()).toEqual({
      layout: 'hypertables',
      reason: 'its first migration made it so',
      steps: [],
    });
    expect(await appliedTo()).toEqual({ outcome: 'applied', count: 1 });
  });

  it('tells once what of TimescaleDB is used', async () => {
    await migrate();
    const told: unknown[] = [];
    const log: Log = { ...silentLog, info: (fields) => void told.push(fields) };
    const store = createTimescaleStore({ connection, log });
    await store.openMark(keyOf());
    const at = (offset: number) => ({ from: addressOf(offset), to: addressOf(offset + 1) });
    await store.apply(batchOf(at(0)));
    // After any error it looks again at what the server offers.
    await sql('ALTER TABLE positions RENAME TO hidden');
    await expect(store.apply(batchOf(at(1)))).rejects.toMatchObject({ code: 'STORE_SCHEMA' });
    await sql('ALTER TABLE hidden RENAME TO positions');
    await store.apply(batchOf(at(1)));
    await store.close();
    expect(told).toEqual([
      {
        version: expect.stringMatching(/^2\./),
        license: expect.stringMatching(/^(apache|timescale)$/),
        columnstore: expect.any(String),
        directCompress: expect.any(String),
      },
    ]);
  });

  it('makes native partitions when told to, and keeps to them', async () => {
    expect(await migrate({ hypertables: 'off' })).toMatchObject({
      layout: 'partitions',
      reason: 'hypertables are switched off',
    });
    expect(await migrate()).toMatchObject({ layout: 'partitions', steps: [] });
    expect(await appliedTo()).toEqual({ outcome: 'applied', count: 1 });
    await expect(migrate({ hypertables: 'require' })).rejects.toMatchObject({
      code: 'STORE_LAYOUT',
      kind: 'permanent',
      message: expect.stringContaining('laid out as partitions, and hypertables are asked for'),
      remedy: expect.stringContaining('use an empty database'),
    });
  });

  it('refuses whoever knows only native partitions where there are hypertables', async () => {
    await migrate();
    const refusal = {
      code: 'STORE_LAYOUT',
      kind: 'permanent',
      message: expect.stringContaining('laid out as hypertables, and partitions are asked for'),
    };
    await expect(migratePostgres({ connection, log: silentLog })).rejects.toMatchObject(refusal);
    await expect(migrate({ hypertables: 'off' })).rejects.toMatchObject(refusal);
    const store = createPostgresStore({ connection, log: silentLog });
    await expect(store.apply(batchOf({ to: addressOf(1) }))).rejects.toMatchObject(refusal);
    await store.close();
  });

  it('takes a database of a release that knew no layouts for what it is', async () => {
    for (const { number, name, checksum, sql: text } of readMigrations('partitions').slice(0, 5)) {
      await asAdmin(`SET ROLE ${databases.role}; ${text}`);
      await sql(`INSERT INTO schema_migrations VALUES (${number}, '${name}', '${checksum}')`);
    }
    expect(await migrate()).toMatchObject({
      layout: 'partitions',
      steps: stepsOf('partitions').slice(5),
    });
    expect(await appliedTo()).toEqual({ outcome: 'applied', count: 1 });
  });

  it('changes nothing when asked for a plan', async () => {
    const plan = await migrate({ isPlan: true });
    expect(plan).toMatchObject({ layout: 'hypertables', steps: expect.any(Array) });
    const tables = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    expect(await sql(tables)).toEqual([]);
    expect(await sql("SELECT FROM pg_extension WHERE extname = 'timescaledb'")).toEqual([]);
    expect(await migrate()).toEqual(plan);
    expect(await migrate({ isPlan: true })).toMatchObject({ layout: 'hypertables', steps: [] });
  });

  it('is done once by several at the same time', async () => {
    const results = await Promise.all([1, 2, 3, 4].map(() => migrate()));
    const counts = results.map(({ steps }) => steps.length);
    expect(counts.toSorted((a, b) => a - b)).toEqual([0, 0, 0, stepsOf('hypertables').length]);
    expect(new Set(results.map(({ layout }) => layout))).toEqual(new Set(['hypertables']));
  });

  it('goes without hypertables where the role may not make the extension', async () => {
    const { database } = databases.placeOf(connection);
    await asAdmin(`ALTER DATABASE ${database} OWNER TO postgres`);
    await asAdmin(`GRANT USAGE, CREATE ON SCHEMA public TO ${databases.role}`);
    const lacking = 'this role may not make extensions here';
    await expect(migrate({ hypertables: 'require' })).rejects.toMatchObject({
      code: 'STORE_LAYOUT',
      message: expect.stringContaining(lacking),
    });
    expect(await migrate()).toMatchObject({
      layout: 'partitions',
      reason: expect.stringContaining(lacking),
    });
    expect(await appliedTo()).toEqual({ outcome: 'applied', count: 1 });
  });

  it('needs no more than CREATE in the schema where the extension is there, anywhere', async () => {
    const { database } = databases.placeOf(connection);
    await asAdmin(`ALTER DATABASE ${database} OWNER TO postgres`);
    await asAdmin('CREATE SCHEMA elsewhere; CREATE EXTENSION timescaledb SCHEMA elsewhere');
    await asAdmin(`GRANT USAGE, CREATE ON SCHEMA public TO ${databases.role}`);
    await asAdmin(`GRANT USAGE ON SCHEMA elsewhere TO ${databases.role}`);
    expect(await migrate()).toMatchObject({ layout: 'hypertables' });
    expect(await appliedTo()).toEqual({ outcome: 'applied', count: 1 });
    // Also where TimescaleDB is called at run time: for times far from now, and to drop chunks.
    const settings = { packing: PACKING_AT_ONCE };
    const store = createTimescaleStore({ connection, log: silentLog, settings });
    const ledger = [{ totals: [], partitionTimeUs: NOON_US, watermarkUs: NOON_US, position: 2 }];
    const samples = samplesOf([{ series: seriesOf('up'), timeUs: 0, value: 1 }]);
    await store.apply(batchOf({ from: addressOf(1), to: addressOf(2) }, { samples, ledger }));
    expect(await sql('SELECT count(*) FROM samples')).toEqual([[2]]);
    expect((await store.expire()).dropped).toHaveLength(1);
    expect(await sql('SELECT count(*) FROM samples')).toEqual([[1]]);
    await store.close();
  });

  it('lets a reader see everything with SELECT alone, also what comes later', async () => {
    await migrate();
    await asAdmin(`CREATE ROLE ${databases.role}_reader`);
    await sql(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${databases.role}_reader`);
    await appliedTo();
    for (const example of await readmeExamples()) {
      await asAdmin(`SET ROLE ${databases.role}_reader; ${example}`);
    }
    const refused = asAdmin(`SET ROLE ${databases.role}_reader; DELETE FROM windows`);
    await expect(refused).rejects.toMatchObject({ code: '42501' });
    await asAdmin(`DROP OWNED BY ${databases.role}_reader; DROP ROLE ${databases.role}_reader`);
  });

  it('gives people the same tables, views and functions as native partitions do', async () => {
    await migrate();
    const ours = await describeSchema(connection);
    const other = await databases.create();
    await migrateTimescale({ ...other, log: silentLog, hypertables: 'off' });
    const theirs = await describeSchema(other.connection);
    await other.drop();
    for (const section of ['columns', 'constraints', 'functions']) {
      expect(sharedLines(ours, section)).toEqual(sharedLines(theirs, section));
    }
  });

  it('cuts hypertables by time and bucket, at lengths that retention can drop', async () => {
    await migrate();
    const found = await sql(
      `SELECT hypertable_name::text, column_name::text, time_interval::text
       FROM timescaledb_information.dimensions ORDER BY 1, dimension_number`,
    );
    expect(found).toEqual([
      ...['exemplars', 'histograms', 'samples_narrow'].flatMap((table) => [
        [table, 'time', '1 day'],
        [table, 'bucket', '1 day'],
      ]),
      ['samples_packed', 'bucket', '1 day'],
      ['windows_narrow', 'start', '1 day'],
      ['windows_wide', 'start', '30 days'],
    ]);
    const unique = `SELECT FROM pg_index WHERE indisunique AND indrelid = ANY (
      ARRAY['samples_narrow', 'samples_packed', 'histograms', 'exemplars', 'windows_narrow',
        'windows_wide']::regclass[])`;
    expect(await sql(unique)).toEqual([]);
  });
});

const stepsOf = (layout: LayoutName) =>
  readMigrations(layout).map(({ number, name }) => `${number} ${name}`);

/** Lines of a section of a described schema but for what only one layout has. */
function sharedLines(schema: string, section: string): string[] {
  const [, text] = new RegExp(`^== ${section}\n(.*?)\n(?:\n|$)`, 'ms').exec(schema)!;
  const internal = /^(store_partitions|windows_(narrow|wide))\b|^(create|drop)_store_/;
  // A view has no constraints of its own.
  const lines = text!.split('\n').map((line) => line.replace(/ not null| default .*/g, ''));
  return lines.filter((line) => !internal.test(line));
}
