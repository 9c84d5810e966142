import { SampleKind } from '@millrace/model';
import { systemClock } from '@millrace/runtime';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ArrivalClock } from './arrival-clock.ts';

const T0 = 1_700_000_000_000_000;
const SECOND_US = 1_000_000;
const DAY_US = 86_400 * SECOND_US;
const { gauge, event, delta, cumulative } = SampleKind;

test('after a clock that was a day ahead samples go by the clock again', () => {
  const arrivals = new ArrivalClock(systemClock);
  const ask = (seconds: number, kind: SampleKind = gauge): number =>
    (arrivals.untimedUs(T0 + seconds * SECOND_US, kind) - T0) / SECOND_US;
  for (let second = 0; second < 100; second += 1) expect(ask(second)).toBe(second);
  const aheadS = DAY_US / SECOND_US;
  expect(ask(aheadS + 100)).toBe(aheadS + 100);
  expect(ask(aheadS + 101)).toBe(aheadS + 101);
  for (const [i, kind] of [gauge, event, delta].entries()) {
    expect(ask(102 + i, kind)).toBe(102 + i);
  }
  // Up to the day on which what was given away then is not given away twice.
  expect(ask(aheadS + 101)).toBe(aheadS + 101 + 1e-6);
});

test('a clock that goes back where samples came gives what follows them', () => {
  const arrivals = new ArrivalClock(systemClock);
  for (let i = 0; i < 7200; i += 1) arrivals.untimedUs(T0 + i * SECOND_US, gauge);
  const lastUs = T0 + 7199 * SECOND_US;
  expect(arrivals.untimedUs(lastUs - 3600 * SECOND_US, gauge)).toBe(lastUs + 1);
});

test('times of counters only rise: going back would be a reset', () => {
  const arrivals = new ArrivalClock(systemClock);
  expect(arrivals.untimedUs(T0, cumulative)).toBe(T0);
  const ahead = arrivals.untimedUs(T0 + DAY_US, cumulative);
  expect(arrivals.untimedUs(T0 + SECOND_US, cumulative)).toBe(ahead + 1);
  expect(arrivals.untimedUs(T0 + SECOND_US, gauge)).toBe(T0 + SECOND_US);
  expect(arrivals.untimedUs(T0 + SECOND_US, cumulative)).toBe(ahead + 2);
});

test('no time is given away twice, however the clock jumps, and none is before the clock', () => {
  const step = fc.record({
    us: fc.oneof(
      fc.constantFrom(-60 * SECOND_US, 60 * SECOND_US),
      fc.integer({ min: -5, max: 5 }),
      fc.integer({ min: -2 * DAY_US, max: 2 * DAY_US }),
    ),
    times: fc.integer({ min: 1, max: 4 }),
    kind: fc.constantFrom(gauge, cumulative),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const arrivals = new ArrivalClock(systemClock);
      const given = new Set<number>();
      let nowUs = T0;
      let count = 0;
      for (const { us, times, kind } of steps) {
        nowUs += us;
        for (let i = 0; i < times; i += 1) {
          const timeUs = arrivals.untimedUs(nowUs, kind);
          expect(timeUs).toBeGreaterThanOrEqual(nowUs);
          given.add(timeUs);
          count += 1;
        }
      }
      expect(given.size).toBe(count);
    }),
    { numRuns: 300 },
  );
});

test("what lies between stretches that have grown together is nobody's any more", () => {
  const arrivals = new ArrivalClock(systemClock);
  const ask = (us: number): number => arrivals.untimedUs(T0 + us, gauge) - T0;
  const minuteUs = 60 * SECOND_US;
  expect([ask(0), ask(minuteUs), ask(2 * minuteUs)]).toEqual([0, minuteUs, 2 * minuteUs]);
  // Up to one microsecond before each of the next ones; then there is none left between them.
  expect(ask(2 * minuteUs - 1)).toBe(2 * minuteUs - 1);
  expect(ask(minuteUs - 1)).toBe(minuteUs - 1);
  expect(ask(minuteUs - 1)).toBe(2 * minuteUs + 1);
  expect(ask(0)).toBe(2 * minuteUs + 2);
});
