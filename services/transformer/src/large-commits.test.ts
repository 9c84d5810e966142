import { expect, test } from 'vitest';
import { LargeCommits } from './large-commits.ts';

test('large commits come one after the other, unless one is held up for long', () => {
  const commits = new LargeCommits();
  expect(commits.begin(0, 0, false)).toBe(true);
  expect([commits.begin(1, 1e6, false), commits.begin(0, 1e6, true)]).toEqual([false, false]);
  // That of another partition is none of it.
  commits.end(1);
  expect(commits.begin(1, 2e6, false)).toBe(false);
  commits.end(0);
  expect(commits.begin(1, 3e6, false)).toBe(true);
  expect(commits.begin(2, 62e6, false)).toBe(false);
  expect(commits.begin(2, 63e6, false)).toBe(true);
  commits.end(1);
  expect(commits.begin(3, 64e6, true)).toBe(false);
});

test('all large commits take a twentieth of the time, but for those that are overdue', () => {
  const commits = new LargeCommits();
  expect(commits.begin(0, 100e6, false)).toBe(true);
  commits.restAfter(1e6, 101e6);
  commits.end(0);
  expect(commits.begin(1, 119e6, false)).toBe(false);
  expect(commits.begin(1, 119e6, true)).toBe(true);
  commits.end(1);
  expect(commits.begin(0, 119e6, false)).toBe(false);
  expect(commits.begin(0, 120e6, false)).toBe(true);
});

test('one that a slow state held up leaves the others their turn before they are overdue', () => {
  const commits = new LargeCommits();
  expect(commits.begin(0, 100e6, false)).toBe(true);
  commits.restAfter(10e6, 110e6);
  commits.end(0);
  expect(commits.begin(1, 130e6 - 1, false)).toBe(false);
  expect(commits.begin(1, 130e6, false)).toBe(true);
});
