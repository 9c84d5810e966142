import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beginCandidate, orderJobs } from '@millrace/control';
import { parseRules } from '@millrace/rules';
import { silentLog, systemClock, type JobStatus, type StageStatus } from '@millrace/runtime';
import { TOPICS, type Stream } from '@millrace/stream';
import { openSegmentStream } from '@millrace/stream/segment';
import { afterEach, beforeEach, expect, onTestFailed, test } from 'vitest';
import { editionWindowsSql } from './edition-windows.ts';
import { Playground, push, until, type RunningMillrace } from './running-millrace.ts';

const PARTITIONS = 4;
const MINUTE_MS = 60_000;
const TEST_MS_MAX = 240_000;
const SOON_MS_MAX = 60_000;
const REQUESTS = 60;

const RULES = `rules:
  - name: sales
    match: sales_total
    by: [shop]
    widths: [10s, 1m]
    aggregates: [count, sum, min, max, first, last, increase, quantile]
`;

let playground: Playground;
beforeEach(async () => {
  playground = await Playground.make();
  await writeFile(join(playground.path, 'millrace.yaml'), RULES);
});
afterEach(async () => await playground.remove());

test(
  'the past under the same rules is the same, although the process was killed twice meanwhile',
  { timeout: TEST_MS_MAX },
  async () => {
    const fromMs = Math.floor(Date.now() / MINUTE_MS - 40) * MINUTE_MS;
    const sinceUs = (fromMs + 12 * MINUTE_MS) * 1000;
    let millrace = await playground.up({ env: ENV });
    onTestFailed(() => void process.stderr.write(millrace.output().slice(-8000)));
    for (let i = 0; i < REQUESTS; i += 1) await pushSales(millrace, fromMs, i);
    await killed(millrace);
    const number = await whileStopped(async (stream) => {
      const parsed = parseRules(RULES);
      if (!parsed.ok) throw new Error('the rules of the test are wrong');
      const parts = { stream, clock: systemClock };
      const wanted = { rules: parsed.compiled, source: RULES, sinceUs };
      const { candidate } = await beginCandidate(parts, wanted);
      await orderJobs(parts, candidate!.number, { samplesPerSecondMax: 40 });
      return candidate!.number;
    });
    millrace = await playground.up({ env: ENV });
    // What arrives meanwhile belongs to the live folding of both.
    for (let i = 0; i < 10; i += 1) await pushSales(millrace, fromMs + 500, i + 25);
    let folded = 0;
    let jobs: JobStatus[] = [];
    for (let kill = 0; kill < 2; kill += 1) {
      const enough = folded + 5;
      await until('a job has committed something', SOON_MS_MAX, async () => {
        jobs = await jobsOf(millrace);
        folded = jobs.reduce((sum, one) => sum + committedOf(one), 0);
        return folded >= enough;
      });
      expect(jobs.every(({ state }) => state === 'over')).toBe(false);
      await killed(millrace);
      millrace = await playground.up({ env: ENV });
    }
    await killed(millrace);
    await whileStopped(async (stream) => {
      await orderJobs({ stream, clock: systemClock }, number, { samplesPerSecondMax: 0 });
    });
    millrace = await playground.up({ env: ENV });
    await until('all jobs are over', SOON_MS_MAX, async () => {
      jobs = await jobsOf(millrace);
      return jobs.length === PARTITIONS && jobs.every(({ state }) => state === 'over');
    });
    expect(new Set(jobs.map(({ candidate }) => candidate))).toEqual(new Set([number]));
    for (const rule of ['sales', 'rollup']) await expectSame(rule, sinceUs / 1000);
    expect(millrace.output()).not.toMatch(/WRITER_GAP|Job stopped/);
  },
);

const ENV = { MILLRACE_TRANSFORMER__COMMIT_MS: '500ms' };

/** Both editions of a rule have the same windows, as soon as all is stored. */
async function expectSame(rule: string, sinceMs: number): Promise<void> {
  // What is not over yet is put out by jobs, and of roll-ups in force it is not.
  const untilMs = sinceMs + 22 * MINUTE_MS;
  const read = async (turn: number): Promise<unknown[]> =>
    await playground.sql(editionWindowsSql({ rule, turn, sinceMs, untilMs }));
  let inForce: unknown[] = [];
  let beside: unknown[] = [];
  await until(`windows of ${rule} are the same`, SOON_MS_MAX, async () => {
    [inForce, beside] = [await read(1), await read(2)];
    return JSON.stringify(inForce) === JSON.stringify(beside);
  }).catch(() => expect(beside).toEqual(inForce));
  expect(inForce.length).toBeGreaterThan(rule === 'sales' ? 50 : 3);
}

/** Counters of some shops, that run, stand still and begin anew; some of it comes late. */
async function pushSales({ info }: RunningMillrace, fromMs: number, i: number): Promise<void> {
  const at = i % 7 === 6 ? i - 4 : i;
  const samples = Array.from({ length: 12 }, (_, n) => ({
    name: 'sales_total',
    kind: 'cumulative',
    time: new Date(fromMs + at * 30_000 + n * 10).toISOString(),
    value: n % 5 === 4 && i > 30 ? i - 30 : i * (n + 1) + (i % 3),
    labels: { shop: `shop-${n % 3}`, till: `till-${n}` },
  }));
  const { status } = await push(info.url, samples, { wait: 'stored' });
  expect(status).toBe(200);
}

async function killed({ child, ended }: RunningMillrace): Promise<void> {
  child.kill('SIGKILL');
  await ended;
}

/** The log as nobody else has it now. */
async function whileStopped<T>(act: (stream: Stream) => Promise<T>): Promise<T> {
  const stream = await openSegmentStream({
    directory: join(playground.dataDir, 'log'),
    partitions: PARTITIONS,
    owns: TOPICS,
    clock: systemClock,
    log: silentLog,
  });
  try {
    return await act(stream);
  } finally {
    await stream.close();
  }
}

async function jobsOf({ info }: RunningMillrace): Promise<JobStatus[]> {
  const answer = await fetch(`${info.url}/api/v1/status`);
  const { stages } = (await answer.json()) as { stages: StageStatus[] };
  return stages.find(({ stage }) => stage === 'transformer')?.jobs ?? [];
}

function committedOf({ committedPosition = 0, position, state }: JobStatus): number {
  return state === 'over' ? position : committedPosition;
}
