import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { getPriority } from 'node:os';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { silentLog } from '../log/log.ts';
import { GIVE_WAY_STEPS, helpersAmong, letProcessGiveWay } from './give-way.ts';

/** What runs in a thread: tells its own niceness, and that of a thread that it starts. */
const TELLS_NICENESS = `
  const { parentPort, Worker, workerData } = require('node:worker_threads');
  const { getPriority } = require('node:os');
  const { readlinkSync } = require('node:fs');
  const own = () => getPriority(Number(readlinkSync('/proc/thread-self').split('/').at(-1)));
  const told = \`require('node:worker_threads').parentPort.postMessage((\${own})())\`;
  const imports = "const { getPriority } = require('node:os');" +
    "const { readlinkSync } = require('node:fs');";
  import(workerData).then(({ giveWay }) => {
    giveWay({ debug: () => undefined });
    new Worker(imports + told, { eval: true }).once('message', (started) => {
      parentPort.postMessage({ own: own(), started });
    });
  });
`;

describe('a process that gives way', () => {
  it('is nicer than before', async () => {
    const child = spawn('sleep', ['60'], { stdio: 'ignore' });
    try {
      const before = getPriority(child.pid);
      letProcessGiveWay(silentLog, child.pid!);
      expect(getPriority(child.pid)).toBe(Math.min(19, before + GIVE_WAY_STEPS));
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  });

  it('may be gone', () => {
    expect(() => letProcessGiveWay(silentLog, 2 ** 30)).not.toThrow();
  });
});

describe.runIf(process.platform === 'linux')('a thread that gives way', () => {
  it('is nicer than the process, and so are those that it starts', async () => {
    const built = new URL('../../dist/process/give-way.js', import.meta.url).href;
    const worker = new Worker(TELLS_NICENESS, { eval: true, workerData: built, execArgv: [] });
    const [seen] = (await once(worker, 'message')) as [{ own: number; started: number }];
    const nicer = Math.min(19, getPriority() + GIVE_WAY_STEPS);
    expect(seen).toEqual({ own: nicer, started: nicer });
    expect(getPriority()).toBeLessThan(nicer);
  });
});

describe('the threads that help all others', () => {
  const alike = (...ids: number[]) => ids.map((id) => ({ id, name: 'node' }));

  it('are known by their name', () => {
    const threads = [...alike(1, 2), { id: 7, name: 'V8Worker' }, { id: 5, name: 'V8Worker' }];
    expect(helpersAmong(threads, [])).toEqual([7, 5]);
  });

  it('are those that were started first where none has a name', () => {
    expect(helpersAmong(alike(12, 10, 11, 13, 14, 15, 16, 17), [])).toEqual([12, 13, 14, 15]);
  });

  it('are not guessed at where others may lie there', () => {
    expect(helpersAmong(alike(1, 2, 3), [])).toEqual([]);
    expect(helpersAmong(alike(1, 2, 3, 4, 5, 6, 7), ['--v8-pool-size=2'])).toEqual([]);
    expect(helpersAmong([...alike(1, 2, 3, 4, 5, 6), { id: 7, name: 'libuv-worker' }], [])).toEqual(
      [],
    );
  });
});
