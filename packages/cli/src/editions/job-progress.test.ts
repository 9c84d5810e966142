import { createConsoleOutput } from '../console-output.ts';
import type { Clock } from '@millrace/runtime';
import { describe, expect, test } from 'vitest';
import { followJobs } from './follow-jobs.ts';
import { ProgressMeter } from './job-progress.ts';
import { furthest, type JobLook } from './look-at-jobs.ts';
import { progressBar, progressText } from './progress-text.ts';

const job = (partition: number, position: number, hasEnded = false) => {
  return { partition, logId: 'ab', hasEnded, isClosed: false, position, endPosition: 1000 };
};
const look = (more: Partial<JobLook> = {}): JobLook => ({
  ...{ progress: [], paused: false, samplesPerSecond: undefined, lagMs: undefined },
  ...{ held: [], keptRecords: undefined, isClosed: false },
  ...{ stopped: [], isGone: false, ...more },
});

describe('how far jobs are', () => {
  test('counts from where they began, and foresees the end', () => {
    const meter = new ProgressMeter();
    expect(meter.take(look(), 2, 0)).toMatchObject({ share: 0, ended: 0, leftMs: undefined });
    // They began at a checkpoint.
    meter.take(look({ progress: [job(0, 600), job(1, 800)] }), 2, 1000);
    const half = meter.take(look({ progress: [job(0, 800), job(1, 900)], lagMs: 12 }), 2, 2000);
    expect(half).toMatchObject({ share: 0.5, recordsPerSecond: 150, leftMs: 2000 });
    expect(progressText(half)).toBe(
      '50 %, 0 of 2 partitions, 150 records/s, 2.0 s left, live 12 ms behind',
    );
    expect(progressBar(half)).toBe(`[${'#'.repeat(12)}${'.'.repeat(12)}]`);
    const over = meter.take(look({ progress: [job(0, 0, true), job(1, 0, true)] }), 2, 3000);
    expect(over).toMatchObject({ share: 1, ended: 2, leftMs: 0 });
  });

  test('is not over before all have ended, nor foreseen while it rests', () => {
    const meter = new ProgressMeter();
    meter.take(look({ progress: [job(0, 1), job(1, 1)] }), 2, 0);
    const progress = [job(0, 1000), job(1, 1000, true)];
    const seen = meter.take(look({ progress, paused: true, samplesPerSecond: 0 }), 2, 1000);
    expect(seen).toMatchObject({ share: 0.999, ended: 1, leftMs: undefined });
    expect(progressText(seen)).toBe('99 %, 1 of 2 partitions, paused');
  });

  test('takes the word of the process where it is ahead of the store', () => {
    const stored = [job(0, 300), job(1, 1000, true)];
    const folding = [0, 1, 2].map((partition) => ({ partition, position: 500, endPosition: 900 }));
    expect(furthest(stored, folding)).toEqual([
      job(0, 500),
      job(1, 1000, true),
      { ...job(2, 500), logId: '', endPosition: 900 },
    ]);
  });
});

describe('following jobs', () => {
  /** Half a second goes by between two looks. */
  async function follow(looks: readonly JobLook[], { isTTY = false, stopAfter = Infinity } = {}) {
    let err = '';
    let nowUs = 0;
    const stop = new AbortController();
    const clock: Clock = {
      nowUs: () => nowUs,
      sleep: async (ms, signal) => {
        nowUs += ms * 1000;
        if (nowUs >= stopAfter) stop.abort();
        signal?.throwIfAborted();
        await Promise.resolve();
      },
    };
    let at = 0;
    const stream = { write: (text: string) => (err += text), isTTY };
    const output = createConsoleOutput({ stdout: stream, stderr: stream, environment: {} });
    const following = followJobs({
      ...{ number: 7, partitions: 1, output, clock, signal: stop.signal, program: 'npx millrace' },
      look: async () => await Promise.resolve(looks[Math.min(at++, looks.length - 1)]!),
    });
    const error = await following.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    return { err, error };
  }

  const OVER = look({ progress: [job(0, 1000, true)] });

  test('is a bar where a person looks, and lines elsewhere', async () => {
    const looks = [look({ progress: [job(0, 500)] }), OVER];
    const bar = await follow(looks, { isTTY: true });
    expect(bar.err).toContain(`\r[${'#'.repeat(24)}] 100 %`);
    expect(bar.err.endsWith('\n')).toBe(true);
    const lines = await follow([...Array.from({ length: 12 }, () => looks[0]!), OVER]);
    // The first, one after five seconds, and the last.
    expect(lines.err.trimEnd().split('\n')).toHaveLength(3);
    expect(lines).toMatchObject({ error: undefined });
  });

  test('ends with Ctrl-C, and says that the jobs go on and how to end them', async () => {
    const { error } = await follow([look()], { stopAfter: 2_000_000 });
    expect(error).toMatchObject({
      ...{ code: 'REPROCESS_LEFT', kind: 'aborted' },
      remedy: expect.stringMatching(/npx millrace reprocess status 7 --follow.*pause 7.*drop 7/),
    });
  });

  test('ends when it can lead nowhere', async () => {
    const stopped = [{ partition: 0, code: 'REPROCESS_LOG_CUT', message: 'Cut.', remedy: 'So.' }];
    expect((await follow([look({ stopped })])).error).toMatchObject({
      ...{ code: 'REPROCESS_STOPPED', message: expect.stringContaining('REPROCESS_LOG_CUT: Cut.') },
      remedy: expect.stringContaining('So. Give it up with "millrace edition drop 7"'),
    });
    expect((await follow([look({ isGone: true })])).error).toMatchObject({
      code: 'REPROCESS_GONE',
    });
    const closed = { progress: [job(0, 500)], isClosed: true };
    expect((await follow([look(closed)])).error).toMatchObject({
      ...{ code: 'REPROCESS_GONE', message: expect.stringContaining('promoted before it was') },
    });
    // Jobs that have ended are closed as well.
    expect((await follow([look({ ...OVER, isClosed: true })])).error).toBeUndefined();
  });
});
