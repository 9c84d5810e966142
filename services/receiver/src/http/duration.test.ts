import { expect, it } from 'vitest';
import { formatDuration, parseDurationMs } from './duration.ts';

it('reads durations, seconds when there is no unit', () => {
  const durations = ['5s', '500ms', '1.5m', '2h', '1d', '3', '0'].map(parseDurationMs);
  expect(durations).toEqual([5000, 500, 90_000, 7_200_000, 86_400_000, 3000, 0]);
});

it('refuses what is no duration', () => {
  for (const text of ['', '-1s', '5 s', 's', '1e9', 'Infinity', '5y', '9999999999s']) {
    expect(parseDurationMs(text)).toBeUndefined();
  }
});

it('writes durations in the largest unit that divides them', () => {
  const texts = [21_600_000, 90_000, 1500, 86_400_000, 60_000].map(formatDuration);
  expect(texts).toEqual(['6h', '90s', '1500ms', '1d', '1m']);
});
