import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeDirectories } from './make-directories.ts';

let base: string;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'millrace-directories-'));
});
afterEach(async () => await rm(base, { recursive: true }));

test('makes what is missing and tells the topmost of it', async () => {
  const path = join(base, 'a', 'b', 'c');
  expect(await makeDirectories(path, 0o700)).toBe(join(base, 'a'));
  expect((await stat(path)).mode & 0o777).toBe(0o700);
  expect(await makeDirectories(path)).toBeUndefined();
  expect(await makeDirectories(join(path, 'd'))).toBe(join(path, 'd'));
  await symlink(path, join(base, 'link'));
  expect(await makeDirectories(join(base, 'link'))).toBeUndefined();
  const both = await Promise.all([1, 2].map(() => makeDirectories(join(base, 'x', 'y'))));
  expect(both.filter((made) => made !== undefined).length).toBeGreaterThan(0);
});

test('says why it cannot', async () => {
  await writeFile(join(base, 'file'), '');
  await expect(makeDirectories(join(base, 'file'))).rejects.toMatchObject({ code: 'EEXIST' });
  await expect(makeDirectories(join(base, 'file', 'x'))).rejects.toMatchObject({ code: 'ENOTDIR' });
});

test.runIf(existsSync('/proc/self'))('does not try for ever where there can be none', async () => {
  await expect(makeDirectories('/proc/x')).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(makeDirectories('/proc/x/y/z')).rejects.toMatchObject({ code: 'ENOENT' });
});
