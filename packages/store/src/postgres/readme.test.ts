import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestPostgres, type TestPostgres } from '../testing/test-postgres.ts';
import { runQuery } from './run-query.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startTestPostgres();
});
afterAll(() => postgres.stop());

it('runs every example of the README', async () => {
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
  const examples = [...readme.matchAll(/^```sql\n(.*?)^```/gms)].map((match) => match[1]!);
  expect(examples.length).toBeGreaterThan(5);
  for (const example of examples) {
    const { columns } = await runQuery(postgres.server.connection, example);
    expect(columns.length).toBeGreaterThan(0);
  }
});

it('tells of every table, view and function that people may use', async () => {
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
  const { rows } = await runQuery(
    postgres.server.connection,
    `SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
       AND relkind IN ('r', 'p', 'v') AND NOT relispartition ORDER BY 1`,
  );
  const internal = new Set([
    ...['schema_migrations', 'store_partitions', 'series_definitions', 'ledger_totals'],
    ...['edition_starts', 'windows', 'windows_open'],
  ]);
  const names = (rows as [string][]).map(([name]) => name).filter((name) => !internal.has(name));
  expect(names.filter((name) => !readme.includes(`\`${name}\``))).toEqual([]);
});
