import { expect, test } from 'vitest';
import { LargeCommits } from './large-commits.ts';

test('large commits come one after the other, unless one is held up for long', () => {
  const commits = new LargeCommits();
  expect(commits.begin(0, 0)).toBe(true);
  expect([commits.begin(1, 1e6), commits.begin(0, 1e6)]).toEqual([false, false]);
  // That of another partition is none of it.
  commits.end(1);
  expect(commits.begin(1, 2e6)).toBe(false);
  commits.end(0);
  expect(commits.begin(1, 3e6)).toBe(true);
  expect(commits.begin(2, 62e6)).toBe(false);
  expect(commits.begin(2, 63e6)).toBe(true);
  commits.end(1);
  expect(commits.begin(3, 64e6)).toBe(false);
});
