import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { testArchiveFiles } from '../testing/archive-files-contract.testsuite.ts';
import { openDirectoryFiles } from './directory-files.ts';

const make = (): Promise<string> => mkdtemp(join(tmpdir(), 'millrace-files-'));

testArchiveFiles('a directory', async () => {
  const directory = await make();
  return {
    files: openDirectoryFiles(join(directory, 'not', 'there')),
    dispose: () => rm(directory, { recursive: true }),
  };
});

test('what was not finished is no file, and nothing is left of what failed', async () => {
  const directory = await make();
  const files = openDirectoryFiles(directory);
  await files.put('a/1', Uint8Array.of(1));
  await writeFile(join(directory, 'a', '.unfinished-x'), 'half');
  await mkdir(join(directory, 'a', '2'));
  await expect(files.put('a/2', Uint8Array.of(1))).rejects.toMatchObject({
    ...{ code: 'ARCHIVE_REFUSED', kind: 'permanent' },
    message: expect.stringContaining(directory) as string,
  });
  const names = [];
  for await (const { name } of files.list({ prefix: 'a/' })) names.push(name);
  expect(names).toEqual(['a/1']);
  expect((await readdir(join(directory, 'a'))).toSorted()).toEqual(['.unfinished-x', '1', '2']);
  await rm(directory, { recursive: true });
});

test('of several who create one at once one counts, and nothing else is left', async () => {
  const directory = await make();
  const opened = Array.from({ length: 8 }, () => openDirectoryFiles(directory));
  const read = await Promise.all(
    opened.map(async (files, i) => {
      await files.create('name', Uint8Array.of(i));
      return (await files.get('name'))![0];
    }),
  );
  expect(new Set(read).size).toBe(1);
  expect(new Set(opened.map(({ place }) => place)).size).toBe(8);
  expect(await readdir(directory)).toEqual(['name']);
  await rm(directory, { recursive: true });
});

test('what broke off a day ago is removed, and nothing else', async () => {
  const directory = await make();
  let nowUs = Date.now() * 1000;
  const files = openDirectoryFiles(directory, { nowUs: () => nowUs });
  await files.put('a/b/1', Uint8Array.of(1));
  const [old, young] = ['.unfinished-old', '.unfinished-young'].map((name) =>
    join(directory, 'a', 'b', name),
  );
  for (const path of [old!, young!, join(directory, '.unfinished-too')]) {
    await writeFile(path, 'half');
  }
  const dayAgo = new Date(nowUs / 1000 - 25 * 3_600_000);
  for (const path of [old!, join(directory, 'a', 'b', '1')]) await utimes(path, dayAgo, dayAgo);
  expect(await files.removeUnfinished()).toBe(1);
  const names = async () => (await readdir(directory, { recursive: true })).toSorted();
  expect(await names()).toEqual(['.unfinished-too', 'a', 'a/b', 'a/b/.unfinished-young', 'a/b/1']);
  nowUs += 25 * 3_600_000_000;
  expect(await files.removeUnfinished()).toBe(2);
  expect(await names()).toEqual(['a', 'a/b', 'a/b/1']);
  await rm(directory, { recursive: true });
});
