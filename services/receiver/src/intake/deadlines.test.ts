import { setImmediate } from 'node:timers/promises';
import type { Clock } from '@millrace/runtime';
import { sleepUntil } from '@millrace/runtime/testing';
import { expect, it } from 'vitest';
import { Deadlines } from './deadlines.ts';

/** Sleeps end when the test says so, one after the other. */
function steppedClock() {
  const asleep: { ms: number; end: () => void }[] = [];
  const clock: Clock = {
    nowUs: () => 0,
    sleep: async (ms, signal) => {
      let end = (): void => undefined;
      const ended = new Promise<void>((resolve) => (end = resolve));
      const one = { ms, end };
      asleep.push(one);
      try {
        await sleepUntil(ended, signal);
      } catch (error) {
        asleep.splice(asleep.indexOf(one), 1);
        throw error;
      }
    },
  };
  const step = async (): Promise<number> => {
    const { ms, end } = asleep.shift()!;
    end();
    // Nothing here waits for anything but promises.
    await setImmediate();
    return ms;
  };
  return { clock, asleep, step };
}

const late = (): Error => new Error('late');
const never = new Promise<never>(() => undefined);

it('hands on how a promise ends, and has no timer when nobody waits any more', async () => {
  const { clock, asleep, step } = steppedClock();
  const deadlines = new Deadlines({ clock, ms: 160 });
  const failing = deadlines.within(Promise.reject(new Error('broken')), late);
  const kept = deadlines.within(Promise.resolve('kept'), late);
  await expect(failing).rejects.toThrow('broken');
  await expect(kept).resolves.toBe('kept');
  expect(asleep).toHaveLength(1);
  await step();
  expect(asleep).toEqual([]);
});

it('gives up on each no sooner than its time and no later than a sixteenth more', async () => {
  const { clock, step } = steppedClock();
  const deadlines = new Deadlines({ clock, ms: 160 });
  const ended: string[] = [];
  const wait = (name: string): void => {
    deadlines.within(never, late).catch((error: Error) => ended.push(`${name} ${error.message}`));
  };
  let sleptMs = 0;
  wait('first');
  for (let i = 0; i < 8; i += 1) sleptMs += await step();
  wait('second');
  while (ended.length === 0 && sleptMs < 1000) sleptMs += await step();
  expect(ended).toEqual(['first late']);
  expect(sleptMs).toBe(170);
  while (ended.length === 1 && sleptMs < 1000) sleptMs += await step();
  expect(ended).toEqual(['first late', 'second late']);
  expect(sleptMs).toBe(80 + 170);
});

it('waits for others that come behind one that was given up on, until it is stopped', async () => {
  const { clock, asleep, step } = steppedClock();
  const deadlines = new Deadlines({ clock, ms: 160 });
  let given = 0;
  const giveUp = (): void => void (given += 1);
  for (const turn of [1, 2]) {
    deadlines.within(never, late).catch(giveUp);
    for (let i = 0; given < turn && i < 100; i += 1) await step();
    expect(given).toBe(turn);
    expect(asleep).toEqual([]);
  }
  deadlines.within(never, late).catch(giveUp);
  expect(asleep).toHaveLength(1);
  deadlines.stop();
  await setImmediate();
  expect(asleep).toEqual([]);
  expect(given).toBe(2);
});
