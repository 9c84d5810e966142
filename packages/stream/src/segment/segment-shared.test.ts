import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { STREAM_CODES } from '../stream-error.ts';
import { TOPIC_EVENTS, TOPIC_SERIES } from '../stream.ts';
import { checkShared, createSegmentShared, SharedSlot } from './segment-shared.ts';

const ends = (n: number) => ({ start: n, end: n + 1, base: n + 2, flushedBytes: n + 3 });

test('slots of different topics and partitions do not touch one another', () => {
  const shared = createSegmentShared(3);
  const slots = [TOPIC_EVENTS, TOPIC_SERIES].flatMap((topic) =>
    [0, 1, 2].map((partition) => new SharedSlot(shared, topic as typeof TOPIC_EVENTS, partition)),
  );
  for (const slot of slots) expect(slot.read()).toBeUndefined();
  for (let round = 0; round < 3; round += 1) {
    for (const [i, slot] of slots.entries()) slot.publish(ends(100 * i + round));
  }
  expect(slots.map((slot) => slot.read())).toEqual(slots.map((_, i) => ends(100 * i + 2)));
});

test('the version wraps around without ever being 0 or of equal parity twice', () => {
  const slot = new SharedSlot(createSegmentShared(1), TOPIC_EVENTS, 0);
  for (const from of [2 ** 31 - 3, 2 ** 31 - 2, 2 ** 31 - 1]) {
    slot.words[0] = from;
    for (let i = 0, last = from; i < 4; i += 1) {
      slot.publish(ends(i));
      expect(slot.version).toBeGreaterThan(0);
      expect((slot.version ^ last) & 1).toBe(1);
      expect(slot.read()).toEqual(ends(i));
      last = slot.version;
    }
  }
});

test('a partition has one owner at a time', () => {
  const shared = createSegmentShared(1);
  const [one, other] = [0, 0].map((p) => new SharedSlot(shared, TOPIC_EVENTS, p));
  one!.claim('metrics.events/0');
  expect(() => other!.claim('metrics.events/0')).toThrow(
    expect.objectContaining({ code: STREAM_CODES.owned, kind: 'permanent' }),
  );
  one!.disclaim();
  other!.claim('metrics.events/0');
});

test('shared memory for another number of partitions is refused', () => {
  expect(() => checkShared(createSegmentShared(3), 4)).toThrow(/for 3 partitions, not for 4/);
});

test('a reader in another thread never sees ends of two different publishes', async () => {
  const shared = createSegmentShared(1);
  const worker = new Worker(
    `const { workerData: { shared } } = require('node:worker_threads');
     const words = new Int32Array(shared, 8, 2);
     const ends = new Float64Array(shared, 16, 8);
     for (let n = 1; n <= 3_000_000; n += 1) {
       const at = (n & 1) * 4;
       for (let i = 0; i < 4; i += 1) ends[at + i] = n + i;
       Atomics.store(words, 0, n);
     }`,
    { eval: true, workerData: { shared }, execArgv: [] },
  );
  const ended = new Promise((resolve) => worker.once('exit', resolve));
  const slot = new SharedSlot(shared, TOPIC_EVENTS, 0);
  let looks = 0;
  for (let last = 0; last < 3_000_000;) {
    const found = slot.read();
    if (found === undefined) {
      // The thread is still starting, and may need this one for it.
      await new Promise((resolve) => setImmediate(resolve));
      continue;
    }
    if (found.end !== found.start + 1 || found.flushedBytes !== found.start + 3) {
      expect(found).toEqual(ends(found.start));
    }
    last = found.start;
    looks += 1;
  }
  expect(looks).toBeGreaterThan(0);
  await ended;
});
