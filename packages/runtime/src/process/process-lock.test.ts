import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { identifyProcess, type ProcessIdentity } from './process-identity.ts';
import { lockDirectory } from './process-lock.ts';

describe('lockDirectory', () => {
  let directory: string;
  let child: ChildProcess | undefined;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'millrace-lock-'));
  });
  afterEach(async () => {
    child?.kill('SIGKILL');
    child = undefined;
    await rm(directory, { recursive: true });
  });

  /** A real process that lives until it is killed. */
  async function startProcess(): Promise<number> {
    child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 60000); console.log("up")'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout ?? child, 'data');
    return child.pid ?? 0;
  }

  /** The file a holder with this identity would have written. */
  async function heldBy(holder: ProcessIdentity): Promise<string> {
    const path = join(directory, `lock-${holder.pid}-00000000-0000-4000-8000-000000000000.json`);
    await writeFile(path, JSON.stringify(holder));
    return path;
  }

  test('is exclusive until released, and leaves nothing behind', async () => {
    const lock = await lockDirectory(directory);
    await expect(lockDirectory(directory)).rejects.toMatchObject({
      code: 'DATA_DIR_IN_USE',
      message: expect.stringContaining(`process ${process.pid}`),
    });
    await lock.release();
    expect(await readdir(directory)).toEqual([]);
    await (await lockDirectory(directory)).release();
  });

  test('a living holder refuses with its pid, a killed one is taken over', async () => {
    const pid = await startProcess();
    await heldBy(identifyProcess(pid));
    await expect(lockDirectory(directory)).rejects.toThrow(`process ${pid}`);
    const ended = once(child as ChildProcess, 'exit');
    process.kill(pid, 'SIGKILL');
    await ended;
    const lock = await lockDirectory(directory);
    expect(await readdir(directory)).toHaveLength(1);
    await lock.release();
  });

  test('a pid that now belongs to another process does not hold anything', async () => {
    const pid = await startProcess();
    await heldBy({ ...identifyProcess(pid), started: '1' });
    const lock = await lockDirectory(directory);
    expect(await readdir(directory)).toHaveLength(1);
    await lock.release();
  });

  test('a holder that cannot be seen counts while it touches its file', async () => {
    const path = await heldBy({ pid: 1, started: '1', boot: 'b', namespace: 'pid:[1]' });
    await expect(lockDirectory(directory)).rejects.toMatchObject({ code: 'DATA_DIR_IN_USE' });
    const past = new Date(Date.now() - 16_000);
    await utimes(path, past, past);
    const lock = await lockDirectory(directory);
    expect(await readdir(directory)).toHaveLength(1);
    await lock.release();
  });

  test('of many at once at most one gets through', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, () => lockDirectory(directory)),
    );
    const locks = results.filter((result) => result.status === 'fulfilled');
    expect(locks.length).toBeLessThanOrEqual(1);
    for (const lock of locks) await lock.value.release();
    expect(await readdir(directory)).toEqual([]);
  });
});

describe('identifyProcess', () => {
  test('is stable for one process and tells that none is there', () => {
    expect(identifyProcess(process.pid)).toEqual(identifyProcess(process.pid));
    expect(identifyProcess(process.pid).started).toBeTypeOf('string');
    expect(identifyProcess(2 ** 30).started).toBeUndefined();
  });
});
