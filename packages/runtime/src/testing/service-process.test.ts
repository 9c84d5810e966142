import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { identifyProcess } from '../process/process-identity.ts';
import { startServiceProcess, untilServing } from './service-process.ts';

const stubborn = 'trap "" TERM; echo up; while :; do sleep 0.05; done';
const sh = (script: string): { file: string; args: string[] } => ({
  file: 'sh',
  args: ['-c', script],
});

const PACKAGE = fileURLToPath(new URL('../..', import.meta.url));

describe('startServiceProcess', () => {
  // The starter that is killed below runs what is built; without this it could be older.
  beforeAll(() => {
    execFileSync('npx', ['tsc', '-b', '.'], { cwd: PACKAGE, stdio: 'pipe' });
  });

  test('ends it when asked, and what does not end is killed', async () => {
    const service = await startServiceProcess(sh(stubborn));
    await untilServing(service, {
      what: 'it',
      msMax: 10_000,
      isServing: async () => service.output().includes('up'),
    });
    expect(identifyProcess(service.pid).started).toBeDefined();
    await service.stop({ msMax: 100 });
    expect(service.hasEnded).toBe(true);
    expect(identifyProcess(service.pid).started).toBeUndefined();
    // Both again are harmless.
    await service.stop();
    await service.kill();
  });

  test('says what a service printed that does not get as far as serving', async () => {
    const service = await startServiceProcess(sh('echo no such option >&2; exit 1'));
    const serving = untilServing(service, {
      what: 'the thing',
      msMax: 10_000,
      isServing: async () => false,
    });
    await expect(serving).rejects.toThrow(/the thing ended at its start:\nno such option/);
  });

  test('a program that is not there is told by its name', async () => {
    await expect(startServiceProcess({ file: 'no-such-program', args: [] })).rejects.toThrow(
      /no-such-program/,
    );
  });

  test('it does not outlive the process that started it, nor does its data', async () => {
    const temporary = mkdtempSync(join(tmpdir(), 'millrace-orphan-'));
    const module = new URL('../../dist/testing/index.js', import.meta.url).href;
    const starter = `
      const { startServiceProcess } = await import(${JSON.stringify(module)});
      const service = await startServiceProcess({
        file: 'sleep', args: ['300'], temporary: ${JSON.stringify(temporary)},
      });
      console.log(service.pid);`;
    const args = ['--input-type=module', '-e', starter];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    const pid = Number(line);
    expect(identifyProcess(pid).started).toBeDefined();
    child.kill('SIGKILL');
    await expect.poll(() => identifyProcess(pid).started, { timeout: 10_000 }).toBeUndefined();
    await expect.poll(() => existsSync(temporary), { timeout: 10_000 }).toBe(false);
  });
});
