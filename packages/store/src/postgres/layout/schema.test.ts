import { readFile, writeFile } from 'node:fs/promises';
import { silentLog } from '@millrace/runtime';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestPostgres, type TestPostgres } from '../../testing/test-postgres.ts';
import { clientConfig } from '../connection/client-config.ts';
import { migratePostgres, missingMigrations } from './migrate.ts';
import { runQuery } from '../connection/run-query.ts';
import { readMigrations } from './migration-files.ts';
import type { LayoutName } from './storage-layout.ts';
import { describeSchema } from '../testing/describe-schema.ts';
import { readmeExamples, readReadme } from '../testing/readme-examples.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startTestPostgres();
});
afterAll(() => postgres.stop());

describe('the schema', () => {
  const golden = new URL('../../../golden/schema.txt', import.meta.url);

  // Users query it: a difference changes a public interface. `UPDATE_GOLDEN=1` takes it over.
  it('is the one that was agreed on', async () => {
    const found = await describeSchema(postgres.server.connection);
    if (process.env['UPDATE_GOLDEN'] === '1') await writeFile(golden, found);
    expect(found).toBe(await readFile(golden, 'utf8'));
  });

  it('is brought up to date once, whoever asks at the same time', async () => {
    const { connection } = postgres.server;
    const count = 'SELECT count(*), max(applied_at) FROM schema_migrations';
    const before = (await runQuery(connection, count)).rows;
    expect(before[0]![0]).toBe(readMigrations('partitions').length);
    await Promise.all([1, 2, 3].map(() => migratePostgres({ connection, log: silentLog })));
    expect((await runQuery(connection, count)).rows).toEqual(before);
  });

  it('waits for whoever uses it, and lets others through meanwhile', async () => {
    const { connection, drop } = await postgres.createDatabase();
    const limits = { connectTimeoutMs: 5_000, statementTimeoutMs: 60_000, lockTimeoutMs: 60_000 };
    const user = new pg.Client(clientConfig(connection, limits));
    await user.connect();
    await user.query('BEGIN');
    await user.query('LOCK TABLE schema_migrations');
    const told: string[] = [];
    let unlocked: Promise<unknown> | undefined;
    const info = (_: unknown, message: string): void => {
      told.push(message);
      unlocked ??= user.query('COMMIT');
    };
    const log = { ...silentLog, info };
    const { steps } = await migratePostgres({ connection, log, lockTimeoutMs: 50 });
    expect(told).toEqual(['The schema is in use and waits']);
    expect(steps).toEqual([]);
    await unlocked;
    await user.end();
    await drop();
  });

  it('is refused when it is newer than the program, or other than it should be', async () => {
    const { connection, drop } = await postgres.createDatabase();
    const refusal = { code: 'STORE_MIGRATION', kind: 'permanent' };
    const newer = "INSERT INTO schema_migrations VALUES (999, 'from-the-future', 'x')";
    await runQuery(connection, newer, { write: true });
    await expect(migratePostgres({ connection, log: silentLog })).rejects.toMatchObject({
      ...refusal,
      message: expect.stringContaining('999 (from-the-future) is not known to this program'),
    });
    const tampered = "UPDATE schema_migrations SET number = 1, checksum = 'x' WHERE number = 999";
    await runQuery(connection, 'DELETE FROM schema_migrations WHERE number = 1', { write: true });
    await runQuery(connection, tampered, { write: true });
    await expect(migratePostgres({ connection, log: silentLog })).rejects.toMatchObject({
      ...refusal,
      message: expect.stringContaining('was applied in another form'),
    });
    await drop();
  });
});

describe('migrations', () => {
  it('are numbered from 1 without a gap', () => {
    const of = (layout: LayoutName) => readMigrations(layout).map(({ number }) => number);
    expect(of('partitions')).toEqual(of('partitions').map((_, i) => i + 1));
    expect(of('hypertables')).toEqual(of('partitions'));
  });

  it('are applied behind those that are', () => {
    const known = readMigrations('partitions');
    expect(missingMigrations(known, [])).toEqual(known);
    expect(missingMigrations(known, known.slice(0, 2))).toEqual(known.slice(2));
    expect(missingMigrations(known, known)).toEqual([]);
  });

  it('are those whose number is not there, also where one was left out', () => {
    const known = readMigrations('partitions');
    const done = known.filter(({ number }) => number !== 2 && number !== known.length);
    expect(missingMigrations(known, done)).toEqual([known[1], known.at(-1)]);
  });
});

describe('statistics', () => {
  it('are collected only of columns that plans depend on, also in later partitions', async () => {
    const { connection, drop } = await postgres.createDatabase();
    await migratePostgres({ connection, log: silentLog });
    const change = (text: string) => runQuery(connection, text, { write: true });
    await change(`SELECT create_store_partition('samples_packed', 'packed_of_then', NULL,
      '2026-03-01', '2026-03-02')`);
    await change(`INSERT INTO packed_of_then (series_id, bucket, start, base, step, divisor, count,
        small)
      SELECT n, '2026-03-01', '2026-03-01', 0, 1, 1, 2, ARRAY[1, 2]
      FROM generate_series(1, 99) AS n`);
    await change(`SELECT create_store_partition('windows', 'windows_of_then', '5 minutes',
      '2026-03-01', '2026-03-02')`);
    await change(`INSERT INTO windows_of_then (edition, series_id, width, start, partition, piece,
        count, sum, marked)
      SELECT 1, n, '5 minutes', '2026-03-01', 0, n, n, n, false FROM generate_series(1, 99) AS n`);
    await change('ANALYZE packed_of_then, windows_of_then');
    const { rows } = await runQuery(
      connection,
      `SELECT tablename::text, string_agg(attname, ' ' ORDER BY attname) FROM pg_stats
       WHERE tablename LIKE '%_of_then' GROUP BY 1 ORDER BY 1`,
    );
    expect(rows).toEqual([
      ['packed_of_then', 'bucket series_id'],
      ['windows_of_then', 'edition marked partition piece series_id start width'],
    ]);
    await drop();
  });
});

describe('the README', () => {
  it('runs every example of the README', async () => {
    const examples = await readmeExamples();
    expect(examples.length).toBeGreaterThan(5);
    for (const example of examples) {
      const { columns } = await runQuery(postgres.server.connection, example);
      expect(columns.length).toBeGreaterThan(0);
    }
  });

  it('tells of every table, view and function that people may use', async () => {
    const readme = await readReadme();
    const { rows } = await runQuery(
      postgres.server.connection,
      `SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
         AND relkind IN ('r', 'p', 'v') AND NOT relispartition ORDER BY 1`,
    );
    const internal = new Set([
      ...['schema_migrations', 'store_partitions', 'series_definitions', 'ledger_totals'],
      ...['edition_starts', 'windows', 'windows_open', 'store_layout'],
      ...['retention_policy', 'retention_sweeps', 'retention_tenants'],
      ...['samples_narrow', 'samples_head', 'samples_head_versions', 'samples_packed'],
    ]);
    const names = (rows as [string][]).map(([name]) => name).filter((name) => !internal.has(name));
    expect(names.filter((name) => !readme.includes(`\`${name}\``))).toEqual([]);
  });
});
