import { getEventListeners } from 'node:events';
import { systemClock } from '@millrace/runtime';
import { expect, test } from 'vitest';
import { WakeUps } from './wake-ups.ts';

/** A clock whose sleeps end by hand. */
function handClock() {
  const sleeping: { ms: number; end: () => void; signal: AbortSignal | undefined }[] = [];
  return {
    sleeping,
    nowUs: () => 0,
    sleep: (ms: number, signal?: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        sleeping.push({ ms, end: resolve, signal });
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      }),
  };
}

test('a wait ends when ready, by time or by the signal, and leaves nothing behind', async () => {
  const clock = handClock();
  const wakeUps = new WakeUps();
  let isReady = false;
  const ready = (): boolean => isReady;
  const waits = { clock, waitMs: 50, signal: undefined, ready };

  const woken = wakeUps.wait(waits);
  wakeUps.wake();
  expect(wakeUps.size).toBe(1);
  isReady = true;
  wakeUps.wake();
  await woken;
  expect(wakeUps.size).toBe(0);
  expect(clock.sleeping[0]!.signal!.aborted).toBe(true);

  isReady = false;
  const timed = wakeUps.wait(waits);
  clock.sleeping[1]!.end();
  await timed;
  expect(wakeUps.size).toBe(0);

  const stop = new AbortController();
  const reason = new Error('stop');
  const aborted = wakeUps.wait({ ...waits, signal: stop.signal });
  stop.abort(reason);
  await expect(aborted).rejects.toBe(reason);
  expect(wakeUps.size).toBe(0);
});

test('with alarms a wait makes no signal, and leaves nothing behind either', async () => {
  const alarms: { ms: number; over: () => void; isCancelled: boolean }[] = [];
  const clock = {
    ...systemClock,
    sleep: () => Promise.reject(new Error('alarms are cheaper')),
    alarm: (ms: number, over: () => void) => {
      const alarm = { ms, over, isCancelled: false };
      alarms.push(alarm);
      return () => void (alarm.isCancelled = true);
    },
  };
  const wakeUps = new WakeUps();
  const stop = new AbortController();
  let isReady = false;
  const waits = { clock, waitMs: 50, signal: stop.signal, ready: () => isReady };
  const left = () => [wakeUps.size, getEventListeners(stop.signal, 'abort').length];

  const woken = wakeUps.wait(waits);
  expect(left()).toEqual([1, 1]);
  wakeUps.wake();
  expect(alarms).toMatchObject([{ ms: 50, isCancelled: false }]);
  isReady = true;
  wakeUps.wake();
  await woken;
  expect([...left(), alarms[0]!.isCancelled]).toEqual([0, 0, true]);

  isReady = false;
  const timed = wakeUps.wait(waits);
  alarms[1]!.over();
  await timed;
  expect(left()).toEqual([0, 0]);

  const aborted = wakeUps.wait(waits);
  const reason = new Error('stop');
  stop.abort(reason);
  await expect(aborted).rejects.toBe(reason);
  expect([...left(), alarms[2]!.isCancelled]).toEqual([0, 0, true]);
});

test('what is ready already does not sleep, and no time means no wait', async () => {
  const clock = handClock();
  const wakeUps = new WakeUps();
  await wakeUps.wait({ clock, waitMs: 50, signal: undefined, ready: () => true });
  await wakeUps.wait({ clock, waitMs: 0, signal: undefined, ready: () => false });
  expect(clock.sleeping).toEqual([]);
});

test('what ready throws ends the wait', async () => {
  const clock = handClock();
  const wakeUps = new WakeUps();
  const failure = new Error('closed');
  let isClosed = false;
  const waiting = wakeUps.wait({
    clock,
    waitMs: Number.MAX_SAFE_INTEGER,
    signal: undefined,
    ready: () => {
      if (isClosed) throw failure;
      return false;
    },
  });
  // A timer of more than 31 bits would end at once.
  expect(clock.sleeping[0]!.ms).toBe(2 ** 31 - 1);
  isClosed = true;
  wakeUps.wake();
  await expect(waiting).rejects.toBe(failure);
});
