import { silentLog } from '@millrace/runtime';
import { reportMissing, type ProvidedService } from '@millrace/runtime/testing';
import type { CompletionStore } from '@millrace/store';
import { createPostgresCompletionStore } from '@millrace/store/postgres';
import { afterEach, beforeEach, describe, expect, inject, onTestFailed, test } from 'vitest';
import { push, until } from '../integration/running-millrace.ts';
import { DistributedWorld } from '../services/distributed-world.ts';
import type { StageProcess } from '../services/stage-processes.ts';

const provided = [inject('kafka'), inject('redis'), inject('timescale')];
const missing = provided.flatMap((service) => ('missing' in service ? [service.missing] : []));
for (const one of missing) reportMissing(one);

const PARTITIONS = 2;
const QUEUES = ['a', 'b', 'c', 'd', 'e', 'f'];
const SAMPLES = 90;
const STEP_MS = 10_000;
const WINDOW_MS = 300_000;
const SOON_MS_MAX = 90_000;
/** Between samples that are long forgotten, where nothing was missing. */
const LATE = [5, 17, 33].map((i) => ({ at: i * STEP_MS + 4000, value: 1000 + i }));
const COMPLETING = { MILLRACE_COMPLETE__INTERVAL_MS: '1s' };
const urlOf = (service: ProvidedService): string => ('url' in service ? service.url : '');

describe.skipIf(missing.length > 0)('marked windows on a cluster', { timeout: 240_000 }, () => {
  let world: DistributedWorld;
  let completion: CompletionStore;
  beforeEach(async () => {
    const [kafka, redis, timescale] = provided.map(urlOf);
    const urls = { kafka: kafka!, redis: redis!, timescale: timescale! };
    world = await DistributedWorld.make(urls, { partitions: PARTITIONS });
    const connection = { url: world.environment['DATABASE_URL']! };
    completion = createPostgresCompletionStore({ connection, log: silentLog });
  });
  afterEach(async () => {
    await completion.close();
    await world.remove();
  });

  test('are completed by schedule beside a writer, by one at a time', async () => {
    onTestFailed(() => void process.stderr.write(world.outputs().slice(-20_000)));
    // Somebody completes already, for as long as windows are about to be marked.
    const elsewhere = (await completion.begin({ isScheduled: false }))!;
    const receiver = await world.start('receiver');
    await world.start('transformer');
    const writers = await Promise.all([1, 2].map(() => world.start('writer', { ...COMPLETING })));
    const fromMs = Math.floor(Date.now() / WINDOW_MS - 6) * WINDOW_MS;
    const values = Array.from({ length: SAMPLES }, (_, i) => ({ at: i * STEP_MS, value: i % 50 }));
    for (let i = 0; i < SAMPLES; i += 10) await send(values.slice(i, i + 10));
    await send(LATE, 'stored');
    await until('windows are marked, and over', SOON_MS_MAX, async () => {
      const rows = await shown(fromMs);
      return (
        rows.length === QUEUES.length * 3 &&
        rows.filter((one) => one.marked).length === QUEUES.length * 2
      );
    });
    await until('both writers have seen that somebody is at it', SOON_MS_MAX, async () => {
      const counts = await Promise.all(writers.map((one) => counted(one, 'runs', 'elsewhere')));
      return counts.every((count) => count > 0);
    });
    expect(await shown(fromMs)).toContainEqual(expect.objectContaining({ marked: true }));
    expect(await completedRuns()).toEqual([]);

    await elsewhere.end({ marked: 0, completed: 0, notOver: 0, notCompletable: 0 });
    await until('no window is marked any more', SOON_MS_MAX, async () => {
      return (await shown(fromMs)).every((one) => !one.marked);
    });
    const all = [...values, ...LATE];
    expect(await shown(fromMs)).toEqual(
      QUEUES.flatMap((queue) => [0, 1, 2].map((n) => windowOf(all, queue, n))),
    );
    // One of the two has completed each of them, and no run was beside another one.
    let runs = await completedRuns();
    let completed = 0;
    await until('the runs are over, and each window was completed once', SOON_MS_MAX, async () => {
      runs = await completedRuns();
      completed = runs.reduce((sum, one) => sum + one.completed, 0);
      return completed > 0 && completed === (await completedInAll());
    });
    expect(completed).toBeGreaterThanOrEqual(QUEUES.length * 2);
    expect(runs.every(({ alone, scheduled }) => alone && scheduled)).toBe(true);
    await until('their meters tell it', SOON_MS_MAX, async () => {
      const counts = await Promise.all(writers.map((one) => counted(one, 'windows', 'completed')));
      return counts[0]! + counts[1]! === (await completedInAll());
    });
    expect(await world.run('status')).toMatch(
      /marked +.* ago: \d+ of \d+ marked windows completed/,
    );

    async function send(samples: typeof values, wait?: 'stored'): Promise<void> {
      const sent = samples.flatMap(({ at, value }) =>
        QUEUES.map((queue) => {
          const time = new Date(fromMs + at).toISOString();
          return { name: 'depth', kind: 'gauge', value, time, labels: { queue } };
        }),
      );
      const answer = await push(receiver.url, sent, wait === undefined ? {} : { wait });
      expect(answer).toMatchObject({ status: 200 });
    }
  });

  interface Shown {
    queue: string;
    n: number;
    count: number;
    sum: number;
    marked: boolean;
    completed: boolean;
  }

  /**
   * Windows of five minutes that are over, once all of them are final. Of the hour that is not over
   * a piece is put out every five minutes, whenever this runs.
   */
  async function shown(fromMs: number): Promise<Shown[]> {
    return await world.store.rows<Shown>(
      `SELECT labels->>'queue' AS queue,
         (extract(epoch FROM start - $1::timestamptz) / 300)::integer AS n,
         count::integer, sum, marked, completed
       FROM series_windows
       WHERE metric = 'depth' AND width = '5 minutes' AND complete AND start >= $1
         AND NOT EXISTS (SELECT FROM windows_open WHERE width = '5 minutes')
       ORDER BY 1, 2`,
      [new Date(fromMs)],
    );
  }

  /** Also of the hour, if one has ended among the samples, or meanwhile. */
  async function completedInAll(): Promise<number> {
    const { completed } = await world.store.row<{ completed: number }>(
      `SELECT count(*)::integer AS completed FROM series_windows
       WHERE metric = 'depth' AND completed`,
    );
    return completed;
  }

  async function completedRuns(): Promise<
    { completed: number; scheduled: boolean; alone: boolean }[]
  > {
    return await world.store.rows(
      `SELECT one.completed::integer, one.scheduled, NOT EXISTS (
         SELECT FROM complete_runs AS other
         WHERE other.run <> one.run AND other.started_at < one.ended_at
           AND coalesce(other.ended_at, 'infinity') > one.started_at
       ) AS alone
       FROM complete_runs AS one WHERE one.completed > 0 AND one.ended_at IS NOT NULL`,
    );
  }
});

function windowOf(
  samples: readonly Readonly<{ at: number; value: number }>[],
  queue: string,
  n: number,
): Record<string, unknown> {
  const isLate = LATE.some(({ at }) => Math.floor(at / WINDOW_MS) === n);
  const inside = samples.filter(({ at }) => Math.floor(at / WINDOW_MS) === n);
  const sum = inside.reduce((total, { value }) => total + value, 0);
  return { queue, n, count: inside.length, sum, marked: false, completed: isLate };
}

/** Of `millrace_complete_…_total` with that outcome. */
async function counted({ url }: StageProcess, what: string, outcome: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = `millrace_complete_${what}_total{outcome="${outcome}"}`;
  const found = text.split('\n').find((one) => one.startsWith(line));
  return found === undefined ? 0 : Number(found.slice(line.length));
}
