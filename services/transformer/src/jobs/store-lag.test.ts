import { systemClock, type Clock } from '@millrace/runtime';
import { sleepUntil } from '@millrace/runtime/testing';
import { TOPIC_EVENTS } from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import { expect, test, vi } from 'vitest';
import { watchStoreLag } from './store-lag.ts';

const SECOND = 1_000_000;

test('jobs hold back while the store takes long for what arrived, and no longer', async () => {
  const stream = openMemoryStream(new MemoryLog({ partitions: 2, clock: systemClock }));
  const producer = stream.producer();
  const stored = new Map([
    [0, 0],
    [1, 0],
  ]);
  let broken: Error | undefined;
  const unknown: unknown[] = [];
  let us = 0;
  let looks = 0;
  let wake = (): void => undefined;
  const clock: Clock = {
    nowUs: () => us,
    sleep: async (_ms, signal) => {
      looks += 1;
      await sleepUntil(new Promise<void>((resolve) => (wake = resolve)), signal);
    },
  };
  const lag = watchStoreLag(
    {
      ...{ stream, clock, partitions: () => [0, 1] },
      stored: async () => {
        if (broken !== undefined) throw broken;
        return stored;
      },
      onUnknown: (error) => unknown.push(error),
    },
    { topic: TOPIC_EVENTS, lookMs: 250, pressedMs: 2000 },
  );
  const after = async (seconds: number): Promise<boolean> => {
    us += seconds * SECOND;
    const before = looks;
    wake();
    await vi.waitFor(() => expect(looks).toBeGreaterThan(before), 10_000);
    return lag.isPressed();
  };
  await vi.waitFor(() => expect(looks).toBe(1), 10_000);
  expect(await after(10)).toBe(false);
  await producer.append(TOPIC_EVENTS, 1, Uint8Array.of(1));
  expect(await after(1)).toBe(false);
  expect(await after(1.5)).toBe(false);
  expect(await after(1)).toBe(true);
  stored.set(1, 1);
  expect(await after(0.1)).toBe(false);
  expect(await after(10)).toBe(false);
  // What nobody can tell keeps nobody, and is told once; nor does what was known long ago.
  await producer.append(TOPIC_EVENTS, 0, Uint8Array.of(1));
  expect([await after(1), await after(1), await after(2.5)]).toEqual([false, false, true]);
  broken = new Error('away');
  expect([await after(1), await after(1)]).toEqual([false, false]);
  expect(unknown).toEqual([broken]);
  broken = undefined;
  expect([await after(1), await after(6)]).toEqual([true, false]);
  stored.delete(0);
  expect([await after(1), await after(4)]).toEqual([false, false]);
  await lag.stop();
  await stream.close();
});
