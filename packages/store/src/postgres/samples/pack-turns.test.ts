import { expect, it } from 'vitest';
import { PackTurns } from './pack-turns.ts';

const SECOND_US = 1_000_000;

it('comes to one partition after the other, so many milliseconds apart', () => {
  const turns = new PackTurns();
  expect(turns.take(0, 0, 2000)).toBe(true);
  expect(turns.take(1, 2 * SECOND_US - 1, 2000)).toBe(false);
  expect(turns.take(1, 2 * SECOND_US, 2000)).toBe(true);
  expect(turns.take(0, 3 * SECOND_US, 2000)).toBe(false);
});

it('is never refused to the partition that had it last', () => {
  const turns = new PackTurns();
  expect(turns.take(0, 0, 2000)).toBe(true);
  expect(turns.take(0, 1, 2000)).toBe(true);
  // It had it a second time, and later.
  expect(turns.take(1, 2 * SECOND_US, 2000)).toBe(false);
});

it('is waited for by nobody because the clock was set back', () => {
  const turns = new PackTurns();
  expect(turns.take(0, 3600 * SECOND_US, 2000)).toBe(true);
  expect(turns.take(1, 0, 2000)).toBe(true);
});
