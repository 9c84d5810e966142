import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { silentLog, systemClock } from '@millrace/runtime';
import { expect, it } from 'vitest';
import { STREAM_CODES } from '../stream-error.ts';
import { TOPIC_EVENTS, TOPICS } from '../stream.ts';
import { testStream } from '../testing/stream-contract.testsuite.ts';
import { openSegmentStream } from './segment-stream.ts';

testStream({
  name: 'segment',
  open: async (params) => {
    const directory = await mkdtemp(join(tmpdir(), 'millrace-stream-'));
    const openAgain = () =>
      openSegmentStream({
        ...params,
        directory,
        owns: TOPICS,
        log: silentLog,
      });
    let stream = await openAgain();
    return {
      stream,
      reopen: async () => {
        await stream.close();
        stream = await openAgain();
        return stream;
      },
      dispose: async () => {
        await stream.close();
        await rm(directory, { recursive: true });
      },
    };
  },
});

type Listener = (...args: unknown[]) => void;

/** Rejections that nobody handled while `act` ran; those of the test runner would fail the test. */
async function unhandledBy(act: () => Promise<void>): Promise<unknown[]> {
  const listeners = process.listeners('unhandledRejection') as Listener[];
  const unhandled: unknown[] = [];
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', (error) => unhandled.push(error));
  try {
    await act();
    await setImmediate();
    return unhandled;
  } finally {
    process.removeAllListeners('unhandledRejection');
    for (const listener of listeners) process.on('unhandledRejection', listener);
  }
}

it('tells the process of an append that fails while nobody waits for it', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-stream-'));
  const stream = await openSegmentStream({
    ...{ directory, partitions: 1, owns: TOPICS, clock: systemClock, log: silentLog },
  });
  const producer = stream.producer();
  await stream.close();
  const unhandled = await unhandledBy(async () => {
    void producer.append(TOPIC_EVENTS, 0, new Uint8Array(1));
    // The producer waits for it, and no longer.
    await producer.close();
  });
  expect(unhandled).toMatchObject([{ code: STREAM_CODES.closed }]);
  await rm(directory, { recursive: true });
});
