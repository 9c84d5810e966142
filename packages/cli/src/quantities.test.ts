import { expect, test } from 'vitest';
import { formatBytes, formatDurationMs, formatTimeUs } from './quantities.ts';

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1536, '1.5 KiB'],
  [5 * 1024 ** 3, '5.0 GiB'],
  [3000 * 1024 ** 4, '3000.0 TiB'],
])('%d bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

test.each([
  [-5, '0 ms'],
  [250, '250 ms'],
  [1500, '1.5 s'],
  [90_500, '1m 30s'],
  [3_600_000, '1h 0m'],
  [200_000_000, '2d 7h'],
])('%d ms are %s', (ms, text) => expect(formatDurationMs(ms)).toBe(text));

test('times are RFC 3339 to the second', () => {
  expect(formatTimeUs(1_767_225_600_999_999)).toBe('2026-01-01T00:00:00Z');
});
