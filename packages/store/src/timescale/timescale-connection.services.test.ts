import { spawnSync } from 'node:child_process';
import { chmod, chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { errorText, silentLog, type Log } from '@millrace/runtime';
import { isMissing, reportMissing, type MissingService } from '@millrace/runtime/testing';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { unprivilegedUser } from '../embedded/unprivileged-user.ts';
import { runQuery } from '../postgres/connection/run-query.ts';
import { migrateTimescale } from './migrate-timescale.ts';
import { startTimescaleServer, type TimescaleServer } from './testing/timescale-server.ts';
import { createTimescaleStore } from './timescale-store.ts';

const timescale = inject('timescale');
if ('missing' in timescale) reportMissing(timescale.missing);

/** What everybody who connects says of a URL: errors and all that was logged. */
async function attempt(url: string): Promise<{ code: string; remedy: string; all: string }> {
  const lines: string[] = [];
  const keep = (...args: unknown[]) => void lines.push(inspect(args, { depth: 9 }));
  const log: Log = { ...silentLog, debug: keep, info: keep, warn: keep, error: keep };
  const connection = { url };
  const store = createTimescaleStore({ connection, log });
  const outcomes = await Promise.all([
    store.marks(0).catch((error: unknown) => error),
    migrateTimescale({ connection, log, isPlan: true }).catch((error: unknown) => error),
    runQuery(connection, 'SELECT 1').catch((error: unknown) => error),
  ]);
  await store.close();
  const told = outcomes.map((one) =>
    one instanceof Error ? `${inspect(one, { depth: 9, showHidden: true })} ${errorText(one)}` : '',
  );
  const codes = new Set(outcomes.map((one) => (one as { code?: string }).code ?? 'connected'));
  const { remedy = '' } = outcomes[0] as { remedy?: string };
  return { code: [...codes].join(), remedy, all: [...told, ...lines].join('\n') };
}

describe.skipIf('missing' in timescale)('a connection that is refused', () => {
  const urlWith = (change: (url: URL) => void): string => {
    const url = new URL((timescale as { url: string }).url);
    change(url);
    return url.href;
  };

  it.each([
    ['with a wrong password', (url: URL) => (url.password = 'hunter2'), 'STORE_SCHEMA', 'password'],
    ['for nobody', (url: URL) => (url.username = 'nobody_at_all'), 'STORE_SCHEMA', 'user'],
    ['to no database', (url: URL) => (url.pathname = '/nowhere'), 'STORE_SCHEMA', 'database'],
    ['to no server', (url: URL) => (url.port = '1'), 'STORE_UNREACHABLE', 'Start the database'],
    [
      'without TLS on the other side',
      (url: URL) => (url.search = '?sslmode=require'),
      'STORE_UNREACHABLE',
      'sslmode',
    ],
  ])('%s says what to do, and never the password', async (_, change, code, remedy) => {
    const url = urlWith(change);
    const found = await attempt(url);
    expect(found).toMatchObject({ code, remedy: expect.stringContaining(remedy) });
    const { password } = new URL(url);
    expect(found.all).not.toContain(password);
    expect(found.all).not.toContain(decodeURIComponent(password));
    expect(found.all.length).toBeGreaterThan(100);
  });
});

describe('a connection with TLS', () => {
  let directory: string;
  let server: TimescaleServer | MissingService;
  const certificate = () => join(directory, 'server.crt');
  const key = () => join(directory, 'server.key');

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'millrace-tls-'));
    await chmod(directory, 0o755);
    server = await startWithTls();
    if (isMissing(server)) reportMissing(server);
  });
  afterAll(async () => {
    if (!isMissing(server)) await server.stop();
    await rm(directory, { recursive: true });
  });

  async function startWithTls(): Promise<TimescaleServer | MissingService> {
    const name = ['-subj', '/CN=db.example', '-addext', 'subjectAltName=DNS:localhost'];
    const made = spawnSync('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-days', '2', ...name, '-keyout', key(), '-out', certificate()],
    ]);
    if (made.status !== 0) {
      const why = made.error?.message ?? made.stderr.toString().trim();
      return { what: 'a certificate', why, fix: 'apt-get install openssl' };
    }
    const user = await unprivilegedUser();
    if (user !== undefined) await chown(key(), user.uid, user.gid);
    await chmod(key(), 0o600);
    const settings = { ssl: 'on', ssl_cert_file: certificate(), ssl_key_file: key() };
    return startTimescaleServer({ own: true, settings });
  }

  it('is as safe as sslmode says', async ({ skip }) => {
    if (isMissing(server)) return skip(server.why);
    const url = new URL(server.url);
    const connect = async (host: string, query: string) => {
      url.hostname = host;
      url.search = query;
      const sql = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()';
      const { rows } = await runQuery({ url: url.href }, sql).catch((error: unknown) => ({
        rows: [[(error as { code: string }).code]],
      }));
      return rows[0]![0];
    };
    const known = `sslrootcert=${encodeURIComponent(certificate())}`;
    const found = {
      plain: await connect('127.0.0.1', '?sslmode=disable'),
      required: await connect('127.0.0.1', '?sslmode=require'),
      requiredOfAuthority: await connect('127.0.0.1', `?sslmode=require&${known}`),
      ofAuthority: await connect('127.0.0.1', `?sslmode=verify-ca&${known}`),
      ofUnknownAuthority: await connect('localhost', '?sslmode=verify-full'),
      ofOtherName: await connect('127.0.0.1', `?sslmode=verify-full&${known}`),
      full: await connect('localhost', `?sslmode=verify-full&${known}`),
    };
    expect(found).toEqual({
      plain: false,
      required: true,
      requiredOfAuthority: true,
      ofAuthority: true,
      ofUnknownAuthority: 'STORE_UNREACHABLE',
      ofOtherName: 'STORE_UNREACHABLE',
      full: true,
    });
  });
});
