import { createMeter, MillraceError, type Clock, type Log } from '@millrace/runtime';
import { expect, test } from 'vitest';
import type { CompleteReport } from './complete-report.ts';
import { createCompletionSchedule } from './completion-schedule.ts';
import { createGiveWay } from './give-way.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const START_US = 1_700_000_000_000_000;
const REPORT: CompleteReport = {
  ...{ format: 1, run: 1, started: '', durationMs: 1500, records: 9, reasons: [] },
  ...{ marked: 9, completed: 4, notOver: 3, notCompletable: 2 },
};

/** Runs it until it was asked so often; each answer is a report, or an error. */
async function scheduled(
  intervalMs: number,
  answers: readonly (CompleteReport | Error)[],
): Promise<{ sinceUs: number[]; sleptMs: number[]; lines: string[]; exposition: string }> {
  const over = new AbortController();
  const sleptMs: number[] = [];
  const sinceUs: number[] = [];
  const lines: string[] = [];
  let nowUs = START_US;
  const clock: Clock = {
    nowUs: () => nowUs,
    sleep: async (ms) => {
      sleptMs.push(ms);
      nowUs += ms * 1000;
    },
  };
  const line = (_fields: object, message: string): void => void lines.push(message);
  const log = { debug: line, info: line, warn: line, error: line } as unknown as Log;
  const meter = createMeter();
  const schedule = createCompletionSchedule(
    {
      ...{ clock, log, meter },
      complete: async (wanted) => {
        const answer = answers[sinceUs.push(wanted.sinceUs!) - 1]!;
        if (sinceUs.length === answers.length) over.abort();
        if (answer instanceof Error) throw answer;
        return answer;
      },
    },
    { intervalMs, reachMs: HOUR_MS },
  );
  await schedule.run(over.signal);
  return { sinceUs, sleptMs, lines, exposition: await meter.exposition() };
}

test('it looks soon after the start, then now and then, as far back as it was told', async () => {
  const told = await scheduled(15 * MINUTE_MS, [REPORT, REPORT, REPORT]);
  expect(told.sleptMs).toEqual([MINUTE_MS, 15 * MINUTE_MS, 15 * MINUTE_MS]);
  const hourAgoUs = START_US - HOUR_MS * 1000;
  expect(told.sinceUs.map((us) => (us - hourAgoUs) / 1000)).toEqual([
    MINUTE_MS,
    16 * MINUTE_MS,
    31 * MINUTE_MS,
  ]);
  expect(told.lines).toEqual(Array(3).fill('Marked windows were computed again.'));
  expect(told.exposition).toContain('millrace_complete_windows_total{outcome="completed"} 12');
  expect(told.exposition).toContain('millrace_complete_windows_total{outcome="not_over"} 9');
  expect(told.exposition).toContain('millrace_complete_last_run_seconds 1.5');
});

test('what breaks off is told, and looked for again; that others do it is no fault', async () => {
  const underWay = new MillraceError({
    ...{ code: 'COMPLETE_UNDER_WAY', kind: 'transient', message: 'Somebody does.' },
  });
  const told = await scheduled(MINUTE_MS, [new Error('broken'), underWay, REPORT]);
  expect(told.lines).toEqual([
    'Marked windows stay as they are until they are looked for again.',
    'Somebody else completes marked windows.',
    'Marked windows were computed again.',
  ]);
  expect(told.exposition).toContain('millrace_complete_runs_total{outcome="failed"} 1');
  expect(told.exposition).toContain('millrace_complete_runs_total{outcome="elsewhere"} 1');
  expect(told.exposition).toContain('millrace_complete_runs_total{outcome="finished"} 1');
});

test('an interval of 0 means never', async () => {
  expect(await scheduled(0, [])).toMatchObject({ sleptMs: [], sinceUs: [] });
});

test('who gives way rests as long as it worked, but not for each record', async () => {
  const rests: number[] = [];
  let nowMs = 0;
  const clock: Clock = { nowUs: () => 0, sleep: async (ms) => void rests.push(ms) };
  const giveWay = createGiveWay(clock, () => nowMs);
  for (const workedMs of [4, 4, 4, 40, 900]) {
    nowMs += workedMs;
    await giveWay();
  }
  expect(rests).toEqual([12, 40, 100]);
});
