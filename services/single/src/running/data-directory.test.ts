import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { chooseDataDirectory, makeDataDirectory } from './data-directory.ts';

let base: string;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'millrace-single-'));
});
afterEach(async () => await rm(base, { recursive: true }));

test('the working directory holds it, as root the system does, and what is asked for wins', () => {
  const path = (dataDir: string | undefined, uid: number | undefined): string =>
    chooseDataDirectory({ dataDir, uid, cwd: '/srv/app' }).path;
  expect(path(undefined, 1000)).toBe('/srv/app/millrace-data');
  expect(path(undefined, undefined)).toBe('/srv/app/millrace-data');
  expect(path(undefined, 0)).toBe('/var/lib/millrace');
  expect(path('data', 0)).toBe('/srv/app/data');
  expect(path('/data', 1000)).toBe('/data');
});

test('it is made so that PostgreSQL may pass through, and the log is private', async () => {
  const directory = chooseDataDirectory({ dataDir: join(base, 'a', 'b'), uid: 1, cwd: '/' });
  await makeDataDirectory(directory);
  await makeDataDirectory(directory);
  expect((await stat(directory.path)).mode & 0o777).toBe(0o755);
  expect((await stat(directory.log)).mode & 0o777).toBe(0o700);
});

test('a place that cannot be a directory is a fault of the configuration', async () => {
  await writeFile(join(base, 'file'), '');
  const directory = chooseDataDirectory({ dataDir: join(base, 'file', 'x'), uid: 1, cwd: '/' });
  await expect(makeDataDirectory(directory)).rejects.toMatchObject({ code: 'CONFIG_DATA_DIR' });
});

test.runIf(existsSync('/proc/self'))('where nobody can make one that is told, too', async () => {
  const directory = chooseDataDirectory({ dataDir: '/proc/x', uid: 1, cwd: '/' });
  await expect(makeDataDirectory(directory)).rejects.toMatchObject({ code: 'CONFIG_DATA_DIR' });
});
