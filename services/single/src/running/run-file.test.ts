import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { identifyProcess } from '@millrace/runtime';
import { chooseDataDirectory, type DataDirectory } from './data-directory.ts';
import { readRunFile, removeRunFile, writeRunFile, type RunFile } from './run-file.ts';

let directory: DataDirectory;
beforeEach(async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'millrace-single-'));
  directory = chooseDataDirectory({ dataDir, uid: 1, cwd: '/' });
});
afterEach(async () => await rm(directory.path, { recursive: true }));

function runOf(pid: number): RunFile {
  return {
    version: '0.1.0',
    pid,
    process: identifyProcess(pid),
    started: '2026-01-01T00:00:00.000Z',
    url: 'http://127.0.0.1:9480',
    host: '127.0.0.1',
    port: 9480,
    store: { kind: 'external' },
    directory: directory.path,
  };
}

test('what was written is read, until it is removed', async () => {
  const run = runOf(process.pid);
  await writeRunFile(directory, run);
  expect(await readRunFile(directory)).toEqual(run);
  await removeRunFile(directory);
  await removeRunFile(directory);
  await expect(readRunFile(directory)).rejects.toMatchObject({ code: 'NOT_RUNNING' });
});

test('the file of a process that has ended counts as none, and says so', async () => {
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  await writeRunFile(directory, runOf(pid));
  await expect(readRunFile(directory)).rejects.toMatchObject({
    code: 'NOT_RUNNING',
    message: expect.stringContaining(String(pid)),
  });
});

test('a later process with the same pid is another one', async () => {
  const run = runOf(process.pid);
  await writeRunFile(directory, { ...run, process: { ...run.process, started: 'earlier' } });
  await expect(readRunFile(directory)).rejects.toMatchObject({ code: 'NOT_RUNNING' });
});

test('a damaged file is told from a missing one', async () => {
  await writeFile(directory.runFile, '{"url":');
  await expect(readRunFile(directory)).rejects.toMatchObject({ code: 'RUN_FILE_UNREADABLE' });
});
