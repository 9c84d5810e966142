import { describe, expect, test } from 'vitest';
import {
  idArgument,
  limitArgument,
  pastTimeArgument,
  readTimeArgument,
  seriesIdArgument,
  soonTimeArgument,
  timeArgument,
} from './time-argument.ts';

describe('arguments of filters', () => {
  test('are times, or how long ago', () => {
    expect(timeArgument('2026-01-01T00:00:00Z')).toBe(Date.UTC(2026, 0, 1) * 1000);
    expect(timeArgument('2026-01-01')).toBe(Date.UTC(2026, 0, 1) * 1000);
    const before = Date.now() * 1000;
    const hourAgo = timeArgument('1h');
    expect(hourAgo).toBeGreaterThanOrEqual(before - 3_600_000_000);
    expect(hourAgo).toBeLessThanOrEqual(Date.now() * 1000 - 3_600_000_000);
    for (const text of ['', 'yesterday', '5', '2026', '2026-02-30', '1000y', '-1h']) {
      expect(() => timeArgument(text)).toThrow('how long ago');
    }
  });

  test('are of the past, where nothing else makes sense', () => {
    expect(pastTimeArgument('0001-01-01')).toBeLessThan(pastTimeArgument('1h'));
    expect(() => pastTimeArgument('2999-01-01')).toThrow('in the future');
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
    expect(soonTimeArgument(tomorrow)).toBeGreaterThan(Date.now() * 1000);
    expect(() => soonTimeArgument('2999-01-01')).toThrow('31 days in the future');
  });

  test('are numbers in bounds', () => {
    expect([
      limitArgument('1'),
      idArgument('17'),
      seriesIdArgument('-9223372036854775808'),
    ]).toEqual([1, '17', '-9223372036854775808']);
    for (const text of ['0', '-1', '1.5', 'x', '', '10000000']) {
      expect(() => limitArgument(text)).toThrow('whole number');
    }
    for (const text of ['', '-1', '1; DROP', '9'.repeat(19)]) {
      expect(() => idArgument(text)).toThrow('millrace dead list');
    }
    expect(() => seriesIdArgument('--5')).toThrow('millrace unverified list');
  });
});

const NOW_US = Date.UTC(2026, 0, 2) * 1000;

test.each([
  ['2h', NOW_US - 2 * 3_600_000_000],
  ['1d', NOW_US - 24 * 3_600_000_000],
  ['60d', NOW_US - 60 * 86_400_000_000],
  ['1y30d', NOW_US - 395 * 86_400_000_000],
  ['0s', undefined],
  ['2026-01-01', Date.UTC(2026, 0, 1) * 1000],
  ['2026-01-01T10:00:00Z', Date.UTC(2026, 0, 1, 10) * 1000],
  ['2026-01-01t10:00:00.5+02:00', Date.UTC(2026, 0, 1, 8, 0, 0, 500) * 1000],
  ['2026-01-01T10:00:00', undefined],
  ['2026-01-01 10:00:00Z', Date.UTC(2026, 0, 1, 10) * 1000],
  ['2026-01-01 10:00+02:00', Date.UTC(2026, 0, 1, 8) * 1000],
  ['2024-02-29', Date.UTC(2024, 1, 29) * 1000],
  ['2026-01-01 10:00:00', undefined],
  ['2026-01-01  10:00:00Z', undefined],
  ['2026-13-01', undefined],
  ['2026-00-01', undefined],
  ['2026-02-00', undefined],
  ['2026-02-30', undefined],
  ['2026-02-29T10:00:00Z', undefined],
  ['2026-04-31 10:00:00Z', undefined],
  ['yesterday', undefined],
  ['', undefined],
])('%s', (text, expected) => {
  expect(readTimeArgument(text, NOW_US)).toBe(expected);
});
