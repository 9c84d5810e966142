import { existsSync } from 'node:fs';
import { readdir, readlink } from 'node:fs/promises';
import { isMissing, reportMissing } from '@millrace/runtime/testing';
import { describe, expect, it } from 'vitest';
import { runQuery } from '../../postgres/connection/run-query.ts';
import { startTimescaleServer, type TimescaleServer } from './timescale-server.ts';

const started = await startTimescaleServer({ own: true });
if (isMissing(started)) reportMissing(started);

describe.skipIf(isMissing(started))('a TimescaleDB for tests', () => {
  it('serves, survives a kill with its data, and leaves nothing behind', async () => {
    const server = started as TimescaleServer;
    const connection = { url: server.url };
    const ask = async (sql: string) => (await runQuery(connection, sql, { write: true })).rows;
    const [[directory]] = (await ask('SHOW data_directory')) as [[string]];
    await ask('CREATE TABLE kept AS SELECT 1 AS one');
    const { pid } = server;
    await server.kill();
    await expect(ask('SELECT 1')).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
    await server.restart();
    expect(server.pid).not.toBe(pid);
    expect(await ask('SELECT one FROM kept')).toEqual([[1]]);
    expect((await atWorkIn(directory)).length).toBeGreaterThan(3);
    await server.stop();
    expect(existsSync(directory)).toBe(false);
    await expect.poll(() => atWorkIn(directory)).toEqual([]);
  });
});

/** Processes of a PostgreSQL work in its data directory, and nobody else does. */
async function atWorkIn(directory: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const places = await Promise.all(
    pids.map(async (pid) => [pid, await readlink(`/proc/${pid}/cwd`).catch(() => '')] as const),
  );
  return places.filter(([, place]) => place.startsWith(directory)).map(([pid]) => pid);
}
