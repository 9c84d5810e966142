import { expect, test } from 'vitest';
import { createProgressLine, progressBar } from './progress-line.ts';

/** What is told at which times. */
function shown(times: readonly number[], isTerminal: boolean): string[] {
  const told: string[] = [];
  let nowMs = 0;
  const line = createProgressLine(
    {
      notice: (text) => void told.push(`${text}\n`),
      rewrite: isTerminal ? (text) => void told.push(text) : undefined,
    },
    () => nowMs,
  );
  for (const time of times) {
    nowMs = time;
    line.show((isRewritten) => `${time}${isRewritten ? ' of a bar' : ''}`);
  }
  line.end();
  return told;
}

test('a line changes often where a person looks, and is gone in the end', () => {
  expect(shown([50, 100, 150, 220], true)).toEqual(['100 of a bar', '220 of a bar', '']);
  expect(shown([50], true)).toEqual([]);
});

test('elsewhere there is one now and then', () => {
  expect(shown([100, 4999, 5000, 9000, 12_000], false)).toEqual(['5000\n', '12000\n']);
});

test('a bar is full when all is done', () => {
  expect(progressBar(0)).toBe(`[${'.'.repeat(24)}]`);
  expect(progressBar(0.5)).toBe(`[${'#'.repeat(12)}${'.'.repeat(12)}]`);
  expect(progressBar(1)).toBe(`[${'#'.repeat(24)}]`);
});
