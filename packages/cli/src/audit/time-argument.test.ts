import { expect, test } from 'vitest';
import { readTimeArgument } from './time-argument.ts';

const NOW_US = Date.UTC(2026, 0, 2) * 1000;

test.each([
  ['2h', NOW_US - 2 * 3_600_000_000],
  ['1d', NOW_US - 24 * 3_600_000_000],
  ['2026-01-01', Date.UTC(2026, 0, 1) * 1000],
  ['2026-01-01T10:00:00Z', Date.UTC(2026, 0, 1, 10) * 1000],
  ['2026-01-01t10:00:00.5+02:00', Date.UTC(2026, 0, 1, 8, 0, 0, 500) * 1000],
  ['2026-01-01T10:00:00', undefined],
  ['2026-13-01', undefined],
  ['yesterday', undefined],
  ['', undefined],
])('%s', (text, expected) => {
  expect(readTimeArgument(text, NOW_US)).toBe(expected);
});
