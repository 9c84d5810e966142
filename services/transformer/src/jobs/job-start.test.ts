import type { Candidate } from '@millrace/control';
import { DEFAULT_FOLD_SETTINGS } from '@millrace/wire';
import { TOPIC_EVENTS, TOPIC_SERIES } from '@millrace/stream';
import type { RuleFile } from '@millrace/rules';
import { expect, it } from 'vitest';
import { JobsBench } from '../testing/jobs-bench.ts';
import { liveRecord } from '../testing/live-record.ts';
import type { Job } from './job.ts';
import { beginJob } from './job-start.ts';
import type { BegunJob } from './job-state.ts';

const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const { signal } = new AbortController();

const RULES: RuleFile = {
  rules: [{ name: 'a', match: '{}', by: ['job'], widths: ['10s', '5m'], aggregates: ['sum'] }],
};

const jobOf = ({ number, rules, sinceUs }: Candidate): Job => {
  return { candidate: number, rules, sinceUs, partitions: 1 };
};

async function benchOf(logNumber: number | undefined): Promise<JobsBench> {
  const bench = new JobsBench();
  bench.logNumber = logNumber;
  await bench.begin();
  return bench;
}

async function begin(bench: JobsBench, sinceUs: number): Promise<BegunJob> {
  const { stream, clock } = bench;
  const candidate = await bench.beginCandidate(RULES, clock.nowUs() - HOUR);
  // A time to come stands for a job that is begun later.
  const job = { ...jobOf(candidate), sinceUs };
  return (await beginJob({ stream, partition: 0, recordBytesMax: 1000, signal }, job))!;
}

it('begins with the first record of the first log, whenever that was', async () => {
  const bench = await benchOf(1);
  const { fold } = await begin(bench, bench.clock.nowUs() - 48 * HOUR);
  expect(fold.head).toMatchObject({ position: 0, logNumber: 1 });
});

it('begins with that of a later log only if no window may lie in the one before', async () => {
  const bench = await benchOf(3);
  const [, barrier] = bench.log.partition(TOPIC_EVENTS, 0).read(0, Infinity);
  const behindUs = barrier!.appendTimeUs + DEFAULT_FOLD_SETTINGS.futureSkewUs;
  // The built-in rule's widest window is an hour.
  const wholeUs = Math.ceil(behindUs / HOUR) * HOUR;
  await expect(begin(bench, wholeUs - 1)).rejects.toMatchObject({
    code: 'REPROCESS_LOG_CUT',
    kind: 'permanent',
    message: expect.stringContaining('the logs before this one'),
    remedy: expect.stringContaining(`--since ${new Date((behindUs + HOUR) / 1000).toISOString()}`),
  });
});

it('and begins there when all that it needs came to the later log', async () => {
  const bench = await benchOf(3);
  const { fold } = await begin(bench, bench.clock.nowUs() + 2 * HOUR);
  expect(fold.head).toMatchObject({ position: 0, logNumber: 3 });
});

it('waits for the number of the log until live folding has put out something of it', async () => {
  const bench = await benchOf(undefined);
  const sinceUs = bench.clock.nowUs() - HOUR;
  const early = { code: 'REPROCESS_BEFORE_LIVE', kind: 'transient' };
  const job = jobOf(await bench.beginCandidate(RULES, sinceUs));
  const parts = { stream: bench.stream, partition: 0, recordBytesMax: 1000, signal };
  await expect(beginJob(parts, job)).rejects.toMatchObject(early);
  // Of another log it does not help.
  bench.log.partition(TOPIC_SERIES, 0).append(liveRecord(1, 'cd'.repeat(16)));
  await expect(beginJob(parts, job)).rejects.toMatchObject(early);
  bench.putOutLive(1);
  expect((await beginJob(parts, job))!.fold.head.logNumber).toBe(1);
});
