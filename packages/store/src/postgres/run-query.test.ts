import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestPostgres, type TestPostgres } from '../testing/test-postgres.ts';
import { runQuery } from './run-query.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startTestPostgres();
});
afterAll(() => postgres.stop());

describe('a query', () => {
  const run = (sql: string, settings?: Parameters<typeof runQuery>[2]) =>
    runQuery(postgres.server.connection, sql, settings);

  it('gives values as they can be printed, and as JSON holds them without loss', async () => {
    const values: [string, unknown][] = [
      ["timestamptz '2026-03-01 12:00:00.000001+02'", '2026-03-01T10:00:00.000001Z'],
      ["timestamptz 'infinity'", 'infinity'],
      ["timestamp '2026-03-01 12:00:00'", '2026-03-01T12:00:00'],
      ["date '2026-03-01'", '2026-03-01'],
      ['1::int8', 1],
      ['9007199254740993::int8', '9007199254740993'],
      ['1.10::numeric', '1.10'],
      ['0.1::float8', 0.1],
      ["'NaN'::float8", 'NaN'],
      ["'-Infinity'::float4", '-Infinity'],
      ["interval '5 minutes'", '00:05:00'],
      [`'{"a": [1, null]}'::jsonb`, { a: [1, null] }],
      ["'\\x0102'::bytea", '\\x0102'],
      ['ARRAY[1, 2]', '{1,2}'],
      ["'text'", 'text'],
      ['true', true],
      ['NULL', null],
    ];
    const { columns, rows } = await run(`SELECT ${values.map(([sql]) => sql).join()}, 1 AS named`);
    expect(rows).toEqual([[...values.map(([, value]) => value), 1]]);
    expect(columns.at(-1)).toBe('named');
  });

  it('has columns without rows, and a word for what was done', async () => {
    expect(await run('SELECT 1 AS a, 2 AS b WHERE false')).toEqual({
      columns: ['a', 'b'],
      rows: [],
      command: 'SELECT',
      count: 0,
      truncated: false,
    });
  });

  it('changes nothing unless asked to', async () => {
    for (const sql of ['CREATE TABLE t (a int)', 'DELETE FROM dead_letters']) {
      await expect(run(sql)).rejects.toMatchObject({
        code: 'STORE_QUERY',
        kind: 'permanent',
        remedy: expect.stringContaining('--write'),
      });
    }
    await expect(run('COMMIT; DELETE FROM dead_letters')).rejects.toMatchObject({
      code: 'STORE_QUERY',
    });
    const created = await run('CREATE TABLE t AS SELECT generate_series(1, 3) AS a', {
      write: true,
    });
    expect(created).toMatchObject({ command: 'SELECT', count: 3 });
    const changed = await run('UPDATE t SET a = a RETURNING a', { write: true, rowsMax: 2 });
    expect(changed).toMatchObject({ command: 'UPDATE', count: 3, truncated: true });
    expect((await run('SELECT count(*) FROM t')).rows).toEqual([[3]]);
  });

  it('stops reading at the bound', async () => {
    const result = await run('SELECT generate_series(1, 100000000)', { rowsMax: 2 });
    expect(result).toMatchObject({ rows: [[1], [2]], truncated: true });
  });

  it('tells where the fault is', async () => {
    await expect(run('SELECT 1,\n  nothing')).rejects.toMatchObject({
      message: expect.stringMatching(/"nothing" does not exist at line 2, column 3/),
    });
    await expect(run('SELECT pg_sleep(10)', { statementTimeoutMs: 50 })).rejects.toMatchObject({
      message: expect.stringMatching(/57014.*statement timeout/),
    });
  });
});
