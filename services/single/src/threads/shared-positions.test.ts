import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { createSharedPositions, publishPositions, readPositions } from './shared-positions.ts';

const never = new AbortController().signal;

test('waiters hear of positions that this thread and others publish', async () => {
  const shared = createSharedPositions(2);
  const positions = readPositions(shared);
  const marks = publishPositions(shared);
  expect(positions.position(1)).toBe(0);
  const waits = [positions.wait(1, 3, never), positions.wait(1, 5, never)];
  marks.set(1, { offset: 3, ordinal: 7 });
  await waits[0];
  expect(positions.position(1)).toBe(3);
  const other = new Worker(
    `const { workerData } = require('node:worker_threads');
     const words = new BigInt64Array(workerData);
     Atomics.store(words, 1, 5n);
     Atomics.notify(words, 1);`,
    { eval: true, workerData: shared },
  );
  await waits[1];
  expect(positions.position(0)).toBe(0);
  await other.terminate();
});

test('a wait for what is there resolves at once, and one that is aborted rejects', async () => {
  const shared = createSharedPositions(1);
  const positions = readPositions(shared);
  publishPositions(shared).set(0, { offset: 9, ordinal: 0 });
  await positions.wait(0, 9, never);
  const controller = new AbortController();
  const waiting = positions.wait(0, 10, controller.signal);
  controller.abort(new Error('no longer'));
  await expect(waiting).rejects.toThrow('no longer');
  await expect(positions.wait(0, 10, controller.signal)).rejects.toThrow('no longer');
});
