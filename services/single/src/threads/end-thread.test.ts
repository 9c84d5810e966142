import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { endThread } from './end-thread.ts';

/** As they are built: a thread of its own does not run from the sources. */
const built = (file: string): string =>
  JSON.stringify(new URL(`../../dist/threads/${file}`, import.meta.url).href);

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-end-'));
});
afterEach(() => rm(directory, { recursive: true }));

/** A thread that does what `code` says, and notes in `done` which steps it has finished. */
async function start(code: string, done: Int32Array): Promise<Worker> {
  const file = join(directory, 'thread.mjs');
  await writeFile(
    file,
    `import { parentPort, workerData as done } from 'node:worker_threads';
     const { endWhenTold } = await import(${built('end-thread.js')});
     const { startThread } = await import(${built('start-thread.js')});
     const { createThreadLink } = await import(${built('thread-link.js')});
     endWhenTold(parentPort);
     // As all of ours do.
     createThreadLink(parentPort, {});
     const wait = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
     ${code}`,
  );
  const worker = new Worker(pathToFileURL(file), { workerData: done, execArgv: [] });
  await new Promise((resolve) => worker.once('message', resolve));
  return worker;
}

function nothingDone(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(8));
}

test('a thread finishes the step that it is in', async () => {
  const done = nothingDone();
  const code = `
    parentPort.postMessage({}); wait(); done[0] = 1;
    setTimeout(() => { done[1] = 1; }, 0);`;
  const thread = await start(code, done);
  const failed = vi.fn<(error: Error) => void>();
  thread.once('error', failed);
  await endThread(thread);
  expect([...done]).toEqual([1, 0]);
  expect(failed).not.toHaveBeenCalled();
});

test('one that it has started finishes its step before it', async () => {
  const done = nothingDone();
  const code = `
    if (done[1] === 1) {
      parentPort.postMessage({}); wait(); done[0] = 1;
    } else {
      done[1] = 1;
      const own = new URL(import.meta.url);
      const child = startThread(own, { workerData: done, execArgv: [] }, (why) => new Error(why));
      child.link.call('never').catch(() => undefined);
      wait();
      parentPort.postMessage({});
    }`;
  await endThread(await start(code, done));
  expect([...done]).toEqual([1, 1]);
});

test('one that never has a turn is ended all the same', async () => {
  const done = nothingDone();
  const thread = await start(`parentPort.postMessage({}); for (;;) wait();`, done);
  let isOver = false;
  thread.once('exit', () => (isOver = true));
  await endThread(thread, 100);
  expect(isOver).toBe(true);
});
