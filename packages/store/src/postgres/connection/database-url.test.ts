import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clientConfig } from './client-config.ts';
import { describeConnection, parseUrl } from './database-url.ts';

const LIMITS = { connectTimeoutMs: 1, statementTimeoutMs: 2, lockTimeoutMs: 3 };

describe('the URL of a database', () => {
  it('names host, port, user, password and database', () => {
    expect(parseUrl('postgres://mill:p%40s%2Fs%23@db.example:6543/metrics')).toEqual({
      host: 'db.example',
      port: 6543,
      user: 'mill',
      password: 'p@s/s#',
      database: 'metrics',
    });
    expect(parseUrl('postgresql://[::1]/m')).toEqual({ host: '::1', database: 'm' });
    expect(parseUrl('postgres:///m?host=/run/postgresql')).toEqual({
      host: '/run/postgresql',
      database: 'm',
    });
  });

  it('may set what is not ours to set, and cannot change what is', () => {
    const url =
      'postgres://h/d?options=-c%20search_path%3Dm%20-c%20timezone%3DCET&statement_timeout=9';
    const config = clientConfig({ url: `${url}&application_name=writer-3` }, LIMITS);
    expect(config).toMatchObject({
      host: 'h',
      application_name: 'writer-3',
      statement_timeout: 2,
      options: expect.stringMatching(/^-c search_path=m -c timezone=CET -c .* -c timezone=UTC -c /),
    });
    expect(clientConfig({ url: 'postgres://h/d' }, LIMITS).application_name).toBe('millrace');
  });

  it.each([
    ['metrics.example:5432', 'begin with postgres://'],
    ['not a url', 'a character that must be escaped'],
    ['postgres://u:hunter2#x@h:5432/d', 'a character that must be escaped'],
    ['postgres://u:hunter2@h:port/d', 'a character that must be escaped'],
    ['postgres://u:hunter2%zz@h/d', 'a percent sign'],
    ['mysql://u:hunter2@h/d', 'begin with postgres://'],
    ['postgres://u:hunter2@h/d?sslmode=prefer', 'sslmode=prefer is none of disable, require'],
    ['postgres://u:hunter2@h/d?sslmode=verify-ca', 'needs sslrootcert'],
    ['postgres://u:hunter2@h/d?sslmode=require&sslrootcert=/nowhere', 'sslrootcert cannot be read'],
  ])('is refused when it is %s, without a word of the password', (url, why) => {
    let refused: unknown;
    try {
      parseUrl(url);
    } catch (error) {
      refused = error;
    }
    expect(refused).toMatchObject({
      code: 'STORE_URL',
      kind: 'permanent',
      message: expect.stringContaining(why),
      remedy: expect.stringContaining('postgres://user:password@host:5432/database'),
    });
    expect(inspect(refused, { depth: 9, showHidden: true })).not.toContain('hunter2');
  });

  it('is described without the password', () => {
    const url = 'postgres://mill:hunter2@db.example/metrics?sslmode=require';
    expect(describeConnection({ url })).toBe('database metrics at db.example:5432 as mill');
    const place = { host: '/run/x', port: 1, user: 'u', database: 'd', password: 'hunter2' };
    expect(describeConnection(place)).toBe('database d at /run/x:1 as u');
  });
});

describe('sslmode', () => {
  let directory: string;
  let ca: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'millrace-url-'));
    ca = join(directory, 'ca.pem');
    await writeFile(ca, 'the authority');
  });
  afterAll(() => rm(directory, { recursive: true }));

  const sslOf = (query: string) => parseUrl(`postgres://h/d?${query}`).ssl;
  const anyName = { checkServerIdentity: expect.any(Function) };

  it('means what it means to other clients of PostgreSQL', () => {
    expect(sslOf('')).toBeUndefined();
    expect(sslOf('sslmode=disable')).toBe(false);
    expect(sslOf('sslmode=require')).toEqual({ rejectUnauthorized: false });
    const own = { ca: 'the authority' };
    expect(sslOf(`sslmode=require&sslrootcert=${ca}`)).toEqual({ ...own, ...anyName });
    expect(sslOf(`sslmode=verify-ca&sslrootcert=${ca}`)).toEqual({ ...own, ...anyName });
    expect(sslOf(`sslmode=verify-full&sslrootcert=${ca}`)).toEqual(own);
    expect(sslOf('sslmode=verify-full')).toEqual({});
    const both = `sslmode=verify-full&sslcert=${ca}&sslkey=${ca}`;
    expect(sslOf(both)).toEqual({ cert: 'the authority', key: 'the authority' });
  });
});
