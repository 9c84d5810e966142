import { expect, test } from 'vitest';
import { readSingleSettings } from './settings.ts';

test('everything has a default, and no port means the usual one', () => {
  const { settings } = readSingleSettings({});
  expect(settings.http).toEqual({ host: '127.0.0.1', port: undefined });
  expect(settings.partitions).toBe(4);
  expect(settings.dataDir).toBeUndefined();
});

test('PORT counts, ours counts more', () => {
  expect(readSingleSettings({ PORT: '0' }).settings.http.port).toBe(0);
  const both = { PORT: '1', MILLRACE_HTTP__PORT: '2' };
  expect(readSingleSettings(both).settings.http.port).toBe(2);
});

test.each(['0.0.0.0', '::', '192.0.2.1', 'example.org', '127.0.0.1.example.org'])(
  'listening on %s has to be meant',
  (host) => {
    const environment = { MILLRACE_HTTP__HOST: host };
    expect(() => readSingleSettings(environment)).toThrow(/nobody has to log in/);
    const meant = { ...environment, MILLRACE_INSECURE: 'true' };
    expect(readSingleSettings(meant).settings.http.host).toBe(host);
  },
);

test.each(['127.0.0.1', '127.1.2.3', '::1', 'localhost'])('%s is this machine only', (host) => {
  expect(readSingleSettings({ MILLRACE_HTTP__HOST: host }).settings.http.host).toBe(host);
});

test('the URL of a store is never printed', () => {
  const url = 'postgres://me:hush@127.0.0.1/db';
  const { settings, effective } = readSingleSettings({ DATABASE_URL: url });
  expect(settings.store.url).toBe(url);
  expect(JSON.stringify(effective)).not.toContain('hush');
});
