import { reportMissing, type ProvidedService } from '@millrace/runtime/testing';
import { afterEach, beforeEach, describe, expect, inject, onTestFailed, test } from 'vitest';
import { push, until } from '../integration/running-millrace.ts';
import { DEFAULT_LOAD, LoadRun, type LoadResult, type LoadSettings } from '../load/load-run.ts';
import { DistributedWorld } from '../services/distributed-world.ts';
import { settledLedger } from '../services/ledger-check.ts';
import type { StageName, StageProcess } from '../services/stage-processes.ts';
import { checkStoredLoad, untilLoadVisible } from '../services/stored-load.ts';
import { windowFaults } from './window-totals.ts';

const provided = [inject('kafka'), inject('redis'), inject('timescale')];
const missing = provided.flatMap((service) => ('missing' in service ? [service.missing] : []));
for (const one of missing) reportMissing(one);

const PARTITIONS = 12;
const SERIES = 1200;
const STEPS = 150;
/** Paced, so that everything that happens does so while data comes in. */
const SAMPLES_PER_SECOND = 6000;
const SETTLE_MS_MAX = 120_000;
const SHARED_MS_MAX = 60_000;
const AGE_MS = 3 * 3_600_000;
const urlOf = (service: ProvidedService): string => ('url' in service ? service.url : '');

describe.skipIf(missing.length > 0)('several processes of each stage', () => {
  let world: DistributedWorld;
  beforeEach(async () => {
    const [kafka, redis, timescale] = provided.map(urlOf);
    const urls = { kafka: kafka!, redis: redis!, timescale: timescale! };
    world = await DistributedWorld.make(urls, { partitions: PARTITIONS });
  });
  afterEach(async () => await world.remove());

  test(
    'share the work, whoever comes, goes and dies, and count everything once',
    { timeout: 300_000 },
    async () => {
      onTestFailed(() => void process.stderr.write(world.outputs().slice(-20_000)));
      const startAll = (stages: readonly StageName[]): Promise<StageProcess[]> =>
        Promise.all(stages.map((stage) => world.start(stage)));
      const receivers = await startAll(['receiver', 'receiver']);
      const transformers = await startAll(['transformer', 'transformer', 'transformer']);
      const writers = await startAll(['writer', 'writer']);
      await untilShared(transformers);
      await untilShared(writers);

      const loads = receivers.map(({ url }, i) => loadOf(url, `load_${i}`));
      const runs = loads.map((load) => new LoadRun(load));
      const loading = Promise.all(runs.map((run) => run.run()));
      const eventing = pushEvents(receivers.map(({ url }) => url));
      const happening = (async (): Promise<void> => {
        await untilSent(runs, 0.1);
        transformers[0] = await world.killAndStartAgain(transformers[0]!);
        await untilSent(runs, 0.3);
        writers[0] = await world.killAndStartAgain(writers[0]!);
        await untilSent(runs, 0.45);
        transformers.push(await world.start('transformer'));
        await untilShared(transformers);
        await untilSent(runs, 0.6);
        // What a clean stop hands over need not be waited for: the session is not over yet.
        const [leaving] = transformers.splice(1, 1);
        const stoppingMs = performance.now();
        expect(await world.stop(leaving!)).toBe(0);
        await untilShared(transformers);
        expect(performance.now() - stoppingMs).toBeLessThan(8000);
        await untilSent(runs, 0.8);
        expect(await world.stop(writers.splice(1, 1)[0]!)).toBe(0);
        await untilShared(writers);
      })();
      const [results, events] = await Promise.all([loading, eventing, happening]);
      await expectLoads(loads, results, events);
      for (const one of [...receivers, ...transformers, ...writers]) {
        expect([one.stage, await world.stop(one)]).toEqual([one.stage, 0]);
      }
    },
  );

  /** Every acknowledged sample is stored once, folded once, and accounted for. */
  async function expectLoads(
    loads: readonly LoadSettings[],
    results: readonly LoadResult[],
    events: Readonly<{ accepted: number; distinct: number }>,
  ): Promise<void> {
    const { store } = world;
    for (const [i, load] of loads.entries()) {
      const result = results[i]!;
      await untilLoadVisible(store, load, result, SETTLE_MS_MAX);
      const { wrong, rows } = await checkStoredLoad(store, load, result);
      expect({ wrong, rows }).toEqual({ wrong: [], rows: result.samples });
    }
    const samples = results.reduce((sum, result) => sum + result.samples, 0);
    const { ledger, fault } = await settledLedger(store, samples + events.accepted, SETTLE_MS_MAX);
    expect(fault).toBeUndefined();
    expect(ledger).toMatchObject({
      stored: samples + events.distinct,
      conflict: 0,
      dropped: 0,
      unverified: 0,
      deadLetter: 0,
    });
    for (const [i, load] of loads.entries()) {
      expect(await windowFaults(store, load, results[i]!)).toEqual([]);
    }
    const orders = await store.row(
      `SELECT count(*)::integer AS rows, sum(value) AS sum FROM series_samples
       WHERE metric = 'orders'`,
    );
    expect(orders).toEqual({ rows: events.distinct, sum: events.distinct });
  }
});

function loadOf(url: string, metric: string): LoadSettings {
  return {
    ...DEFAULT_LOAD,
    url,
    metric,
    series: SERIES,
    seriesPerRequest: 300,
    connections: 2,
    stepsMax: STEPS,
    rate: SAMPLES_PER_SECOND,
    // So long ago that every window is over and becomes final at once.
    firstTimeMs: Date.now() - AGE_MS,
    answerMsMax: 30_000,
    retryMsMax: 120_000,
  };
}

async function untilSent(runs: readonly LoadRun[], share: number): Promise<void> {
  await until(`a share of ${share} is acknowledged`, SETTLE_MS_MAX, async () => {
    return runs.every(({ samples }) => samples >= share * SERIES * STEPS);
  });
}

/** Events as JSON, each sent to one receiver and then, as a retry would be, to the other. */
async function pushEvents(
  urls: readonly string[],
): Promise<{ accepted: number; distinct: number }> {
  let [accepted, distinct] = [0, 0];
  for (let n = 0; n < 100; n += 1) {
    const events = Array.from({ length: 5 }, (_, i) => {
      const labels = { shop: `shop ${n % 7}` };
      return { name: 'orders', kind: 'event', value: 1, labels, id: `order ${n}/${i}` };
    });
    distinct += events.length;
    for (const turn of [0, 1]) {
      const answer = await push(urls[(n + turn) % urls.length]!, events);
      if (answer.status !== 200) throw new Error(JSON.stringify(answer));
      accepted += answer.accepted;
    }
  }
  return { accepted, distinct };
}

/** Resolves when each partition has one of them, and they have about as many each. */
async function untilShared(processes: readonly StageProcess[]): Promise<void> {
  let found: number[][] = [];
  await until('the partitions are shared', SHARED_MS_MAX, async () => {
    found = await Promise.all(processes.map(partitionsOf));
    const counts = found.map(({ length }) => length);
    const all = new Set(found.flat());
    const isWhole = all.size === PARTITIONS && found.flat().length === PARTITIONS;
    return isWhole && Math.max(...counts) - Math.min(...counts) < 2;
  }).catch((error: unknown) => {
    throw new Error(`${String(error)}: ${JSON.stringify(found)}`, { cause: error });
  });
}

async function partitionsOf({ url }: StageProcess): Promise<number[]> {
  const answer = await fetch(`${url}/api/v1/status`).catch(() => undefined);
  const status = (await answer?.json()) as { partitions?: { partition: number }[] } | undefined;
  return (status?.partitions ?? []).map(({ partition }) => partition);
}
