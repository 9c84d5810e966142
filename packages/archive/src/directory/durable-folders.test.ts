import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { flushFolder } from '../put-whole.ts';
import { DurableFolders } from './durable-folders.ts';

let base: string;
let flushed: string[];
beforeEach(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), 'millrace-folders-')));
  flushed = [];
});
afterEach(async () => await rm(base, { recursive: true }));

const folders = (): DurableFolders =>
  new DurableFolders(async (folder) => {
    await flushFolder(folder);
    flushed.push(folder);
  });

function above(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [] : [parent, ...above(parent)];
}

test('entries of folders that somebody else made are flushed as well, and once', async () => {
  const folder = join(base, 'archive', 'log');
  await mkdir(folder, { recursive: true });
  const opened = folders();
  await opened.make(folder);
  expect(flushed.splice(0)).toEqual(above(folder));
  await opened.make(folder);
  expect(flushed).toEqual([]);
  await opened.make(join(base, 'archive', 'other'));
  expect(flushed.splice(0)).toEqual([join(base, 'archive')]);
  await rm(folder, { recursive: true });
  await opened.make(folder);
  expect(flushed).toEqual([join(base, 'archive')]);
});

test('a folder above that nobody may look into is none that was just made', async () => {
  const refused = Object.assign(new Error('not allowed'), { code: 'EACCES' });
  const opened = new DurableFolders(async (folder) => {
    if (folder === base) throw refused;
    flushed.push(folder);
  });
  await opened.make(join(base, 'archive'));
  expect(flushed).toEqual(above(base));
  const broken = new DurableFolders(async () => {
    throw Object.assign(new Error('broken'), { code: 'EIO' });
  });
  await expect(broken.make(join(base, 'archive'))).rejects.toMatchObject({ code: 'EIO' });
});
