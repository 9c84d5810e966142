import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { systemClock } from './clock.ts';

describe('a sleep of the machine', () => {
  it('ends when its time is over, and leaves nothing at the signal', async () => {
    const { signal } = new AbortController();
    const startUs = systemClock.nowUs();
    await systemClock.sleep(20, signal);
    // Timers may be early by what they round.
    expect(systemClock.nowUs() - startUs).toBeGreaterThanOrEqual(18_000);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    await systemClock.sleep(0);
  });

  it("rejects with the signal's reason, before it begins and meanwhile", async () => {
    const reason = new Error('it is over');
    const stop = new AbortController();
    const sleeping = systemClock.sleep(3_600_000, stop.signal);
    stop.abort(reason);
    await expect(sleeping).rejects.toBe(reason);
    await expect(systemClock.sleep(3_600_000, stop.signal)).rejects.toBe(reason);
    expect(getEventListeners(stop.signal, 'abort')).toEqual([]);
  });
});

it('an alarm of the machine comes in time, unless it is called off', async () => {
  const come: string[] = [];
  const callOff = systemClock.alarm!(1, () => come.push('never'));
  callOff();
  await new Promise<void>((resolve) => void systemClock.alarm!(5, resolve));
  await systemClock.sleep(5);
  expect(come).toEqual([]);
});
