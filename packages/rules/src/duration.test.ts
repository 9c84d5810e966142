import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatWidth, parseWidth } from './duration.ts';

test.each([
  ['1s', 1],
  ['10s', 10],
  ['90s', 90],
  ['1m', 60],
  ['5m', 300],
  ['1h30m', 5400],
  ['1d', 86_400],
  ['1w', 604_800],
  ['31d', 2_678_400],
  ['2000ms', 2],
  ['1m0s', 60],
])('%s is %d seconds', (text, seconds) => {
  expect(parseWidth(text)).toEqual({ ok: true, us: seconds * 1_000_000 });
});

test.each([
  ['', 'is not a duration'],
  ['5', 'is not a duration'],
  ['5 m', 'is not a duration'],
  ['-5m', 'is not a duration'],
  ['1.5h', 'is not a duration'],
  ['30m1h', 'is not a duration'],
  ['1m1m', 'is not a duration'],
  ['1y', 'is not a duration'],
  ['1H', 'is not a duration'],
  ['1m\n', 'is not a duration'],
  [`${'1'.repeat(10)}s`, 'is not a duration'],
  ['0s', 'is shorter than 1s'],
  ['500ms', 'is not a whole number of seconds'],
  ['1s1ms', 'is not a whole number of seconds'],
  ['31d1s', 'is longer than 31d'],
  ['999999999w', 'is longer than 31d'],
])('%j %s', (text, why) => {
  expect(parseWidth(text)).toEqual({ ok: false, why });
});

test('what is formatted is read back', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 31 * 86_400 }), (seconds) => {
      const us = seconds * 1_000_000;
      expect(parseWidth(formatWidth(us))).toEqual({ ok: true, us });
    }),
  );
  expect(formatWidth(5_400_000_000)).toBe('1h30m');
  expect(formatWidth(90_000_000)).toBe('1m30s');
});
