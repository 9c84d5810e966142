import { systemClock, type Clock } from '@millrace/runtime';
import { TOPIC_EVENTS } from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import { expect, test, vi } from 'vitest';
import { publishPositions, createSharedPositions } from './shared-positions.ts';
import { storeLag } from './store-lag.ts';

const SECOND = 1_000_000;

test('jobs hold back while the store takes long for what arrived, and no longer', async () => {
  const stream = openMemoryStream(new MemoryLog({ partitions: 2, clock: systemClock }));
  const producer = stream.producer();
  const shared = createSharedPositions(2);
  const stored = publishPositions(shared);
  let us = 0;
  let looks = 0;
  let wake = (): void => undefined;
  const clock: Clock = {
    nowUs: () => us,
    sleep: async (_ms, signal) => {
      looks += 1;
      await new Promise<void>((resolve) => {
        wake = resolve;
        signal?.addEventListener('abort', () => resolve(), { once: true });
      });
    },
  };
  const lag = storeLag({ stream, clock }, shared);
  const after = async (seconds: number): Promise<boolean> => {
    us += seconds * SECOND;
    const before = looks;
    wake();
    await vi.waitFor(() => expect(looks).toBeGreaterThan(before));
    return lag.isPressed();
  };
  await vi.waitFor(() => expect(looks).toBe(1));
  expect(await after(10)).toBe(false);
  await producer.append(TOPIC_EVENTS, 1, Uint8Array.of(1));
  expect(await after(1)).toBe(false);
  expect(await after(1.5)).toBe(false);
  expect(await after(1)).toBe(true);
  stored.set(1, { offset: 1, ordinal: 0 });
  expect(await after(0.1)).toBe(false);
  expect(await after(10)).toBe(false);
  await lag.stop();
  await stream.close();
});
