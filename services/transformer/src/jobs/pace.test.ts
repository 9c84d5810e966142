import { Turns, type Clock } from '@millrace/runtime';
import { expect, it } from 'vitest';
import { Pace, Rate } from './pace.ts';

const SECOND = 1_000_000;

/** A clock that goes on only while somebody sleeps. */
function sleepingClock(): Clock & { us: number } {
  const clock = {
    us: 0,
    nowUs: () => clock.us,
    sleep: async (ms: number) => {
      clock.us += ms * 1000;
    },
  };
  return clock;
}

const { signal } = new AbortController();

it('holds to what is asked for at the time, and saves nothing up', async () => {
  const clock = sleepingClock();
  let perSecond = 100;
  const pace = new Pace(clock, () => perSecond);
  clock.us = 60 * SECOND;
  pace.use(200);
  await pace.settle(() => false, signal);
  expect(clock.us / SECOND).toBeCloseTo(62, 1);
  // It is asked again and again: with another answer nobody waits on.
  pace.use(1_000_000);
  const hurry = (): boolean => {
    if (clock.us > 63 * SECOND) perSecond = 0;
    return false;
  };
  await pace.settle(hurry, signal);
  expect(clock.us / SECOND).toBeLessThan(64);
  perSecond = 1;
  pace.use(1_000_000);
  await pace.settle(() => true, signal);
  expect(clock.us / SECOND).toBeLessThan(64);
});

it('saves up what was not used lately, where that is wanted', async () => {
  const clock = sleepingClock();
  const pace = new Pace(clock, () => 100, 500);
  clock.us = 60 * SECOND;
  pace.use(50);
  expect(pace.isOwed).toBe(false);
  // Bursts are as quick in all as if what is in them came bit by bit.
  for (let i = 0; i < 10; i += 1) {
    pace.use(40);
    await pace.settle(() => false, signal);
    clock.us += 0.4 * SECOND;
  }
  expect(clock.us / SECOND).toBeCloseTo(64.4, 1);
  // And no more than half a second's is saved up, whatever the clock says.
  clock.us += 3600 * SECOND;
  pace.use(150);
  await pace.settle(() => false, signal);
  expect(clock.us / SECOND).toBeCloseTo(3665.4, 1);
});

it('tells how much there was lately, and nothing of what stopped', () => {
  const clock = sleepingClock();
  const rate = new Rate(clock);
  for (let i = 0; i < 40; i += 1) {
    rate.note(50);
    clock.us += SECOND / 10;
  }
  expect(rate.perSecond).toBe(500);
  clock.us += 20 * SECOND;
  expect(rate.perSecond).toBeLessThan(30);
  clock.us += 20 * SECOND;
  expect(rate.perSecond).toBe(0);
});

it('lets so many go at a time, in their order, and forgets who gave up', async () => {
  const turns = new Turns(2);
  const order: string[] = [];
  const take = async (name: string, how = signal): Promise<() => void> => {
    const giveBack = await turns.take(how);
    order.push(name);
    return giveBack;
  };
  const first = await take('a');
  await take('b');
  const waiting = take('c');
  const stopping = new AbortController();
  const givenUp = take('d', stopping.signal);
  const last = take('e');
  stopping.abort(new Error('stopped'));
  await expect(givenUp).rejects.toThrow('stopped');
  expect(order).toEqual(['a', 'b']);
  first();
  first();
  (await waiting)();
  await last;
  expect(order).toEqual(['a', 'b', 'c', 'e']);
});
