import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
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
