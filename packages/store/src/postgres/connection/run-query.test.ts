import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startTestPostgres, type TestPostgres } from '../../testing/test-postgres.ts';
import { runQuery } from './run-query.ts';
import { relationsStatement } from './statement-remedy.ts';

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

  /** Between the client and the server; `change` gets what the client sends. */
  async function startProxy(change = (bytes: Buffer): Buffer => bytes) {
    const { connection } = postgres.server;
    if (!('host' in connection)) throw new Error('the server of the tests has no socket');
    const directory = await mkdtemp(join(tmpdir(), 'millrace-gone-'));
    const { host, port } = connection;
    const between: Socket[] = [];
    const proxy = createServer((socket) => {
      const server = createConnection(join(host, `.s.PGSQL.${port}`));
      between.push(socket, server);
      for (const one of [socket, server]) one.on('error', () => undefined);
      socket.on('data', (bytes) => server.write(change(bytes))).on('end', () => server.end());
      server.pipe(socket);
    });
    await new Promise<void>((resolve) => {
      proxy.listen(join(directory, `.s.PGSQL.${port}`), resolve);
    });
    return {
      connection: { ...connection, host: directory },
      cut: () => between.forEach((socket) => socket.destroy()),
      stop: async () => {
        await new Promise((resolve) => proxy.close(resolve));
        await rm(directory, { recursive: true });
      },
    };
  }

  it('ends on the server, too, when whoever asked is gone', async () => {
    const proxy = await startProxy();
    const sleepers = async (): Promise<unknown> => {
      const { rows } = await run(
        `SELECT count(*) FROM pg_stat_activity
         WHERE query LIKE '%pg_sleep(100)' AND state = 'active'`,
      );
      return rows[0]?.[0];
    };
    const cut = runQuery(proxy.connection, 'SELECT pg_sleep(100)').catch((error: unknown) => error);
    await vi.waitFor(async () => expect(await sleepers()).toBe(1), { timeout: 5000 });
    proxy.cut();
    expect(await cut).toMatchObject({ code: 'STORE_UNREACHABLE' });
    await vi.waitFor(async () => expect(await sleepers()).toBe(0), { timeout: 10_000 });
    await proxy.stop();
  });

  it('runs on a server that cannot look whether somebody is there', async () => {
    const told: string[] = [];
    // What a server on Windows says of any number, this one says of a negative one.
    const proxy = await startProxy((bytes) => {
      const text = bytes.toString('latin1');
      const changed = text.replace('check_interval = 1000', 'check_interval = -100');
      if (changed !== text) told.push(changed);
      return Buffer.from(changed, 'latin1');
    });
    const asks = [{ write: false }, { write: true }];
    for (const settings of asks) {
      const { rows } = await runQuery(proxy.connection, 'SELECT 1', settings);
      expect(rows).toEqual([[1]]);
    }
    expect(told).toHaveLength(asks.length);
    await expect(runQuery(proxy.connection, 'CREATE TABLE u (a int)')).rejects.toMatchObject({
      code: 'STORE_QUERY',
    });
    await proxy.stop();
  });

  it('lists what there is, with the columns that are there', async () => {
    const { columns, rows } = await run(relationsStatement());
    expect(columns).toEqual(['relation', 'what', 'columns']);
    expect(rows.length).toBeGreaterThan(10);
    for (const [relation, , names] of rows as string[][]) {
      const asked = await run(`SELECT ${names} FROM ${relation} LIMIT 0`);
      expect(asked.columns.join(', ')).toBe(names?.replaceAll('"', ''));
    }
  });

  // What people who come from elsewhere write, and what the server alone leaves them with.
  const slips: [sql: string, remedy: string][] = [
    ['SELECT * FROM serie', 'Did you mean series? "millrace sql" without a statement lists'],
    ['SELECT * FROM metrics', '"millrace sql" without a statement lists'],
    ['SELECT labels.job FROM series', `labels->>'job'`],
    ['SELECT labels->job FROM series', `labels->>'job', with single quotation marks`],
    ['SELECT labels->>"job" FROM series', `labels->>'job', with single quotation marks`],
    ['SELECT 1 FROM series WHERE metric = "up"', 'Texts stand in single quotation marks'],
    ['SELECT rate(value) FROM series_samples', 'stand in series_windows'],
    [`SELECT * FROM samples_of('up')`, 'samples_of(selector, from, to)'],
    [`SELECT 1 FROM samples WHERE time > '1 hour ago'`, `now() - interval '1 hour'`],
    ['SELECT 1 FROM samples WHERE time > now() - 5m', `now() - interval '1 hour'`],
    [`SELECT 1 FROM series_windows WHERE width = '5 minuts'`, `interval '5 minutes'`],
    ['SELECT 1; SELECT 2', 'one statement at a time'],
    ['\\dt', 'without a statement lists'],
    ['SHOW TABLES', 'without a statement lists'],
    ['SELECT sum(', 'Correct the statement. "millrace sql"'],
  ];
  it.each(slips)('helps with %s', async (sql, remedy) => {
    await expect(run(sql)).rejects.toMatchObject({
      code: 'STORE_QUERY',
      remedy: expect.stringContaining(remedy) as string,
    });
  });

  it('says what to do where nobody changes anything by hand, or asks for too much', async () => {
    await expect(run('DELETE FROM samples', { write: true })).rejects.toMatchObject({
      remedy: expect.stringContaining('millrace retention') as string,
    });
    await expect(run('SELECT pg_sleep(10)', { statementTimeoutMs: 50 })).rejects.toMatchObject({
      remedy: expect.stringContaining('bucket') as string,
    });
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
