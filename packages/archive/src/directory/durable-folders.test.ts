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

test('what could not be flushed above is flushed when it is tried again', async () => {
  let isBroken = true;
  const opened = new DurableFolders(async (folder) => {
    if (folder === base && isBroken) throw Object.assign(new Error('broken'), { code: 'EIO' });
    flushed.push(folder);
  });
  const folder = join(base, 'archive', 'log');
  await expect(opened.make(folder)).rejects.toMatchObject({ code: 'EIO' });
  isBroken = false;
  flushed = [];
  await opened.make(folder);
  expect(flushed).toEqual(above(folder));
});

test('nothing is put where another put of this process is still flushing above', async () => {
  const stopped: (() => void)[] = [];
  let bothThere = (): void => undefined;
  const both = new Promise<void>((resolve) => (bothThere = resolve));
  const opened = new DurableFolders(async (folder) => {
    if (folder !== base) return;
    await new Promise<void>((resolve) => {
      if (stopped.push(resolve) === 2) bothThere();
    });
  });
  const folder = join(base, 'archive', 'log');
  const puts = [opened.make(folder), opened.make(folder)];
  const first = await Promise.race([...puts.map((put) => put.then(() => 'put')), both]);
  expect(first).toBe(undefined);
  for (const goOn of stopped) goOn();
  await Promise.all(puts);
});
