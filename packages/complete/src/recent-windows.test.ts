import { expect, test } from 'vitest';
import { RecentWindows } from './recent-windows.ts';

test('what came to an old window is nothing of those since', () => {
  const recent = new RecentWindows();
  for (const startUs of [0, 100, 0, 100]) recent.note(startUs);
  expect([0, 50, 100, 150].map((startUs) => recent.has(startUs))).toEqual([
    ...[true, false, true, false],
  ]);
});

test('however many there are, none is left out', () => {
  const recent = new RecentWindows();
  for (let startUs = 0; startUs < 10_000; startUs += 10) recent.note(startUs);
  for (let startUs = 0; startUs < 10_000; startUs += 10) expect(recent.has(startUs)).toBe(true);
  expect([-10, 5, 10_000].map((startUs) => recent.has(startUs))).toEqual([false, false, false]);
});
