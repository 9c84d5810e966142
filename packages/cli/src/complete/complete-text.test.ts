import type { CompleteReport } from '@millrace/complete';
import pc from 'picocolors';
import { expect, test } from 'vitest';
import { createConsoleOutput } from '../console-output.ts';
import { showCompletion } from './complete-progress.ts';
import { formatCompletion } from './complete-text.ts';
import { formatLastCompletion } from './last-completion-text.ts';

const plain = pc.createColors(false);
const REPORT: CompleteReport = {
  ...{ format: 1, run: 3, started: '2026-01-01T00:00:00.000Z', durationMs: 2500, records: 1 },
  ...{ marked: 12, completed: 7, notOver: 2, notCompletable: 3 },
  reasons: [
    { reason: 'cut', windows: 2, message: 'Records are gone.' },
    { reason: 'rules', windows: 1, message: 'Nobody knows their rule.' },
  ],
};

test('what came of it is told in one line, and why not in one for each reason', () => {
  expect(formatCompletion(REPORT, plain).split('\n')).toEqual([
    '12 windows marked; 7 completed; 2 not over yet, or the next one is not; 3 not completable',
    '1 record of the log read; 2.5 s',
    '  2: Records are gone.',
    '  1: Nobody knows their rule.',
  ]);
});

const LAST = {
  ...{ run: 3, isScheduled: true, startedMs: 60_000, endedMs: 61_000, problem: undefined },
  ...{ marked: 12, completed: 12, notOver: 0, notCompletable: 0 },
};

test.each([
  [LAST, '1m 0s ago: 12 of 12 marked windows completed'],
  [
    { ...LAST, completed: 7, notOver: 2, notCompletable: 3 },
    '1m 0s ago: 7 of 12 marked windows completed, 2 not over yet, or the next one is not, ' +
      '3 not completable',
  ],
  [{ ...LAST, endedMs: undefined }, 'begun 1m 0s ago, not ended'],
  [{ ...LAST, problem: 'no log' }, '1m 0s ago: broke off: no log'],
])('the last run in one line', (last, expected) => {
  expect(formatLastCompletion(last, plain, 120_000)).toBe(expected);
});

test('a line changes where a person looks, and comes now and then elsewhere', () => {
  for (const isTTY of [true, false]) {
    let written = '';
    const stream = { write: (text: string) => (written += text), isTTY };
    const output = createConsoleOutput({ stdout: stream, stderr: stream, environment: {} });
    let nowMs = 0;
    const progress = showCompletion(output, () => nowMs);
    for (let step = 1; step <= 60; step += 1) {
      nowMs += 100;
      progress.step({ marked: 60, completed: step, records: 10 * step });
    }
    progress.end();
    const lines = written.split(isTTY ? '\r' : '\n').filter((line) => line !== '');
    expect(lines.length).toBe(isTTY ? 61 : 1);
    const last = isTTY ? lines.at(-2) : lines[0];
    expect(last).toContain(`${isTTY ? 60 : 50} of 60 marked windows, ${isTTY ? 600 : 500} records`);
  }
});
