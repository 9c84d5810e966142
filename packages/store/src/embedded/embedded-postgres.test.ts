import { spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { GIVE_WAY_STEPS, silentLog, systemClock } from '@millrace/runtime';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { PostgresConnection } from '../postgres-connection.ts';
import { runQuery } from '../postgres/connection/run-query.ts';
import { startEmbeddedPostgres, type EmbeddedPostgres } from './embedded-postgres.ts';
import { EMBEDDED_POSTGRES_DEFAULTS } from './embedded-settings.ts';
import { isPostgresOf } from './left-behind-postgres.ts';
import { launchPostgres } from './postgres-process.ts';
import {
  superviseEmbeddedPostgres,
  type SupervisedPostgres,
} from './supervise-embedded-postgres.ts';
import { unprivilegedUser } from './unprivileged-user.ts';

const log = silentLog;
const isSharedAmongSessions = await readFile(
  '/proc/sys/kernel/sched_autogroup_enabled',
  'utf8',
).then(
  (text) => text.trim() === '1',
  () => false,
);

describe('the embedded PostgreSQL', () => {
  /** One cluster for most tests: making it is what takes long. */
  let directory: string;
  const undo: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    directory = await newDirectory();
    // As a crash leaves it that comes while the cluster is made.
    await mkdir(join(directory, 'cluster.partial'));
    await writeFile(join(directory, 'cluster.partial', 'PG_VERSION'), '18\n');
  });
  afterEach(async () => {
    for (const step of undo.splice(0).reverse()) await step();
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  const start = async (place = directory): Promise<EmbeddedPostgres> => {
    const postgres = await startEmbeddedPostgres({ directory: place, log });
    undo.push(() => postgres.stop());
    return postgres;
  };
  /** Flushed when this resolves, unlike what the store commits. */
  const write = (connection: PostgresConnection, table: string) =>
    runQuery(
      connection,
      `CREATE TABLE ${table} AS SELECT set_config('synchronous_commit', 'on', true), 1 AS one`,
      { write: true },
    );
  const read = async (connection: PostgresConnection, table: string) =>
    (await runQuery(connection, `SELECT one FROM ${table}`)).rows;

  it('keeps what it has over a clean stop, and tells that it ended', async () => {
    const first = await start();
    await write(first.connection, 'over_stop');
    expect((await stat(first.socketDirectory)).mode & 0o777).toBe(0o700);
    await first.stop();
    expect(await first.exited).toEqual({ code: 0, signal: null });
    const second = await start();
    expect(await read(second.connection, 'over_stop')).toEqual([[1]]);
    expect(second.pid).not.toBe(first.pid);
  });

  it('is set up for a store that can be computed again from the log', async () => {
    const { connection } = await start();
    const { rows } = await runQuery(
      connection,
      `SELECT name, setting FROM pg_settings
       WHERE name IN ('fsync', 'full_page_writes', 'listen_addresses', 'synchronous_commit',
         'wal_level', 'server_encoding', 'TimeZone')
       ORDER BY name`,
    );
    expect(Object.fromEntries(rows)).toEqual({
      TimeZone: 'UTC',
      // Flushing late may lose the last commits; not flushing at all could lose everything.
      fsync: 'on',
      full_page_writes: 'on',
      listen_addresses: '',
      server_encoding: 'UTF8',
      synchronous_commit: 'off',
      wal_level: 'minimal',
    });
  });

  it('gives way to whoever takes data, and so does each of its backends', async () => {
    const { pid, connection } = await start();
    expect(getPriority(pid)).toBe(Math.min(19, getPriority() + GIVE_WAY_STEPS));
    if (process.platform !== 'linux') return;
    const { rows } = await runQuery(
      connection,
      // The nineteenth field; the second one is the name in parentheses, which has none behind it.
      `SELECT split_part(split_part(pg_read_file('/proc/self/stat'), ') ', 2), ' ', 17)::int`,
    );
    expect(rows).toEqual([[getPriority(pid)]]);
  });

  it.runIf(isSharedAmongSessions)('is no more of a session than others', async () => {
    const { pid } = await start();
    const sessions = async (): Promise<string[]> => {
      const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim();
      const all = children.split(' ').map((child) => readFile(`/proc/${child}/autogroup`, 'utf8'));
      return await Promise.all(all);
    };
    await expect
      .poll(sessions, { timeout: 20_000 })
      .toSatisfy((all: string[]) => all.every((one) => one.endsWith(`nice ${GIVE_WAY_STEPS}\n`)));
  });

  it('refuses a directory that is in use', async () => {
    const first = await start();
    await expect(startEmbeddedPostgres({ directory, log })).rejects.toMatchObject({
      code: 'DATA_DIR_IN_USE',
    });
    await write(first.connection, 'still_there');
  });

  it('stops the server that a killed process left behind, and goes on from there', async () => {
    const first = await start();
    await write(first.connection, 'left_behind');
    await first.stop();
    // As after kill -9 of its owner: it runs, and nobody holds the directory.
    const left = await launchPostgres(
      { clock: systemClock, log },
      {
        program: join(directory, 'binaries', await version(), 'native', 'bin', 'postgres'),
        cluster: join(directory, 'cluster'),
        user: await unprivilegedUser(),
        socketDirectory: first.socketDirectory,
        logFile: join(directory, 'postgres.log'),
        settings: EMBEDDED_POSTGRES_DEFAULTS,
      },
    );
    undo.push(() => left.stop());
    expect(await isPostgresOf(left.pid, join(directory, 'cluster'))).toBe(true);
    const second = await start();
    expect(await left.exited).toMatchObject({ code: 0 });
    expect(await read(second.connection, 'left_behind')).toEqual([[1]]);
  });

  it('does not mistake another process with the left id for a server', async () => {
    const first = await start();
    await write(first.connection, 'killed');
    process.kill(first.pid, 'SIGKILL');
    await first.exited;
    const pidFile = join(directory, 'cluster', 'postmaster.pid');
    const lines = (await readFile(pidFile, 'utf8')).split('\n');
    const stranger = spawn('sleep', ['60'], { stdio: 'ignore' });
    undo.push(async () => stranger.kill());
    await writeFile(pidFile, [stranger.pid, ...lines.slice(1)].join('\n'));
    expect(await read((await start()).connection, 'killed')).toEqual([[1]]);
    expect(stranger.exitCode).toBeNull();
  });

  it('puts the socket elsewhere where its path would be too long', async () => {
    const parent = await newDirectory();
    undo.push(() => rm(parent, { recursive: true, force: true }));
    const postgres = await superviseEmbeddedPostgres({
      directory: join(parent, 'a'.repeat(80)),
      log,
    });
    undo.push(() => postgres.stop());
    const { connection, socketDirectory } = postgres;
    await write(connection, 'far_away');
    expect(socketDirectory.startsWith(join(tmpdir(), 'millrace-'))).toBe(true);
    process.kill(postgres.pid!, 'SIGKILL');
    await untilRestarted(postgres);
    expect(await read(connection, 'far_away')).toEqual([[1]]);
    await postgres.stop();
    await expect(stat(socketDirectory)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('refuses a cluster of another major version', async () => {
    const first = await start();
    await first.stop();
    await writeFile(join(directory, 'cluster', 'PG_VERSION'), '17\n');
    await expect(startEmbeddedPostgres({ directory, log })).rejects.toMatchObject({
      code: 'EMBEDDED_POSTGRES_VERSION',
      kind: 'permanent',
      message: expect.stringContaining('written by PostgreSQL 17; this release brings 18'),
    });
    await writeFile(join(directory, 'cluster', 'PG_VERSION'), '18\n');
  });

  it('tells what the server said when it does not start', async () => {
    const first = await start();
    await first.stop();
    const settings = join(directory, 'cluster', 'postgresql.conf');
    await writeFile(settings, 'no_such_setting = 1\n');
    await expect(startEmbeddedPostgres({ directory, log })).rejects.toMatchObject({
      code: 'EMBEDDED_POSTGRES_START',
      kind: 'transient',
      message: expect.stringMatching(/no_such_setting.*the log keeps it/s),
    });
    // Nothing is left of the attempt.
    await writeFile(settings, '');
    await start();
  });

  it('is started again when it is killed, at the same place, with what it had', async () => {
    const supervised = await superviseEmbeddedPostgres({ directory, log });
    undo.push(() => supervised.stop());
    const { connection, pid } = supervised;
    await write(connection, 'supervised');
    process.kill(pid!, 'SIGKILL');
    await untilRestarted(supervised);
    expect(supervised.pid).not.toBe(pid);
    expect(await read(connection, 'supervised')).toEqual([[1]]);
    await supervised.stop();
    expect(supervised.isRunning).toBe(false);
    await expect(runQuery(connection, 'SELECT 1')).rejects.toMatchObject({
      code: 'STORE_UNREACHABLE',
      kind: 'transient',
    });
  });

  const version = async () => (await readdir(join(directory, 'binaries')))[0]!;
});

async function newDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-pg-'));
  // As root the server runs as somebody else, who has to get in.
  await chmod(directory, 0o755);
  return directory;
}

async function untilRestarted(postgres: SupervisedPostgres): Promise<void> {
  await expect
    .poll(() => postgres.isRunning && postgres.restarts, { timeout: 20_000, interval: 10 })
    .toBe(1);
}
