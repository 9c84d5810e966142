import { describe, expect, test } from 'vitest';
import { idArgument, limitArgument, seriesIdArgument, timeArgument } from './time-argument.ts';

describe('arguments of filters', () => {
  test('are times, or how long ago', () => {
    expect(timeArgument('2026-01-01T00:00:00Z')).toBe(Date.UTC(2026, 0, 1) * 1000);
    expect(timeArgument('2026-01-01')).toBe(Date.UTC(2026, 0, 1) * 1000);
    const before = Date.now() * 1000;
    const hourAgo = timeArgument('1h');
    expect(hourAgo).toBeGreaterThanOrEqual(before - 3_600_000_000);
    expect(hourAgo).toBeLessThanOrEqual(Date.now() * 1000 - 3_600_000_000);
    for (const text of ['', 'yesterday', '5', '2026', '2026-13-01', '1y', '-1h']) {
      expect(() => timeArgument(text)).toThrow('how long ago');
    }
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
