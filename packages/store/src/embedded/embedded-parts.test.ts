import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog, systemClock } from '@millrace/runtime';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createBoundedLogFile } from './bounded-log-file.ts';
import { ensureCluster } from './cluster.ts';
import { asStartFailure } from './embedded-errors.ts';
import { EMBEDDED_POSTGRES_DEFAULTS } from './embedded-settings.ts';
import { launchPostgres } from './postgres-process.ts';
import { runProgram } from './run-program.ts';
import { checkTraversable } from './unprivileged-user.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-parts-'));
  await chmod(directory, 0o755);
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const stranger = { uid: 54_321, gid: 54_321 };

it('names the directory that the unprivileged user may not enter', async () => {
  const data = join(directory, 'home', 'data');
  await mkdir(data, { recursive: true });
  await chmod(join(directory, 'home'), 0o755);
  await chmod(data, 0o755);
  await checkTraversable(data, stranger);
  await chmod(join(directory, 'home'), 0o750);
  await expect(checkTraversable(data, stranger)).rejects.toMatchObject({
    code: 'EMBEDDED_POSTGRES_DIRECTORY',
    kind: 'permanent',
    message: expect.stringContaining(`may not enter ${join(directory, 'home')}, which`),
    remedy: expect.stringContaining(`chmod o+x ${join(directory, 'home')}`),
  });
});

it('tells a missing loader from a missing program', async () => {
  // What a program of another C library looks like to the kernel: its interpreter is not there.
  const program = join(directory, 'postgres');
  await writeFile(program, '#!/lib/ld-of-another-libc.so.1\n', { mode: 0o755 });
  const binaries = { version: '18.0', postgres: program, initdb: program };
  const refusal = { code: 'EMBEDDED_POSTGRES_LIBC', kind: 'permanent' };
  const cluster = ensureCluster({ directory, binaries, user: undefined });
  await expect(cluster).rejects.toMatchObject(refusal);
  const launched = launchPostgres(
    { clock: systemClock, log: silentLog },
    {
      program,
      cluster: directory,
      user: undefined,
      socketDirectory: directory,
      logFile: join(directory, 'postgres.log'),
      settings: EMBEDDED_POSTGRES_DEFAULTS,
    },
  );
  await expect(launched).rejects.toMatchObject(refusal);
});

it('tells how a program ended that did not read what it was given', async () => {
  const program = join(directory, 'postgres');
  // As Ctrl-C leaves it, which ends what was started with us: nobody reads its input.
  await writeFile(program, '#!/bin/sh\necho ended >&2\nexit 3\n', { mode: 0o755 });
  const more = 'x'.repeat(4 * 1024 * 1024);
  const running = runProgram({ directory, user: undefined }, program, [], more);
  await expect(running).rejects.toMatchObject({
    code: 'EMBEDDED_POSTGRES_START',
    message: expect.stringMatching(/\(3\).* ended/),
  });
});

it('says what is wrong with the disk as every failure of the database', () => {
  const full = Object.assign(new Error('ENOSPC: no space left on device, copyfile'), {
    errno: -28,
  });
  expect(asStartFailure(full, '/data/postgres')).toMatchObject({
    code: 'EMBEDDED_POSTGRES_START',
    kind: 'transient',
    message: expect.stringContaining('/data/postgres'),
    remedy: expect.stringContaining('Free space on the disk'),
    cause: full,
  });
  const defect = new TypeError('x is not a function');
  expect(asStartFailure(defect, '/data/postgres')).toBe(defect);
});

it('bounds the log, keeps its end, and survives a disk that takes no more', async () => {
  const errors: unknown[] = [];
  const path = join(directory, 'server.log');
  const file = createBoundedLogFile({ path, bytesMax: 10, onError: (e) => errors.push(e) });
  for (const text of ['one\n', 'two\n', 'three\n']) file.write(Buffer.from(text));
  expect(await readFile(path, 'utf8')).toBe('three\n');
  expect(await readFile(`${path}.1`, 'utf8')).toBe('one\ntwo\n');
  expect(file.tail()).toBe('one\ntwo\nthree\n');
  await rm(directory, { recursive: true });
  for (const text of ['four\n', 'five\n']) file.write(Buffer.from(text));
  expect(errors).toHaveLength(1);
  expect(file.tail()).toContain('five');
});
