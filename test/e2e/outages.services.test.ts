import { setTimeout as sleep } from 'node:timers/promises';
import { reportMissing } from '@millrace/runtime/testing';
import { afterAll, beforeAll, describe, expect, onTestFailed, test } from 'vitest';
import { DistributedWorld } from '../services/distributed-world.ts';
import { startOwnServices, type OwnServices } from '../services/own-services.ts';
import {
  isAlive,
  partitionsOf,
  readiness,
  untilOf,
  untilReadyAgain,
  untilUnready,
} from '../services/stage-health.ts';
import type { StageProcess } from '../services/stage-processes.ts';
import { PacedLoad } from './paced-load.ts';
import { pacedFaults } from './paced-faults.ts';
import type { PacedSamples } from './paced-samples.ts';

const started = await startOwnServices();
const missing = 'urls' in started ? [] : started;
for (const one of missing) reportMissing(one);

const PARTITIONS = 4;
const HOUR_MS = 3_600_000;
/** How long each of them is away; a long run says `MILLRACE_TEST_OUTAGE_SECONDS=3600`. */
const OUTAGE_MS = Number(process.env['MILLRACE_TEST_OUTAGE_SECONDS'] ?? 8) * 1000;
/** After so long without a flush a receiver puts senders off. */
const APPEND_AGE_MS = 10_000;
const SOON_MS_MAX = 60_000;
const CATCH_UP_MS_MAX = 60_000 + OUTAGE_MS;
const TEST_MS_MAX = 300_000 + 8 * (OUTAGE_MS + CATCH_UP_MS_MAX);
/** What a process may say of an outage: what it is, for each partition, and now and then again. */
const linesMax = (ms: number): number => 10 + 4 * PARTITIONS + (PARTITIONS * 2 * ms) / 10_000;

describe.skipIf(missing.length > 0)('what is away comes back', () => {
  const services = started as OwnServices;
  let world: DistributedWorld;
  let load: PacedLoad;
  let stages: Record<'receiver' | 'transformer' | 'writer', StageProcess>;
  beforeAll(async () => {
    world = await DistributedWorld.make(services.urls, { partitions: PARTITIONS });
  }, SOON_MS_MAX);
  afterAll(async () => {
    await world?.end();
    await services.stop();
  });

  test(
    'and nothing that was acknowledged is missing or there twice',
    { timeout: TEST_MS_MAX },
    async () => {
      onTestFailed(() => void process.stderr.write(world.outputs().slice(-20_000)));
      await everythingAtStart();
      await kafka();
      await redisAndDatabase();
      await redisForGood();
      const sent = await load.stop();
      await world.connectStoreAgain();
      expect(await pacedFaults(world.store, [sent], CATCH_UP_MS_MAX)).toEqual([]);
      for (const stage of Object.values(stages)) {
        // The very processes that were there at first.
        expect(await isAlive(stage)).toBe(true);
        expect(await world.stop(stage)).toBe(0);
      }
      await expectNoticed(sent);
    },
  );

  async function everythingAtStart(): Promise<void> {
    const { kafka: broker, redis: state, timescale } = services;
    await Promise.all([broker.kill(), state.kill(), timescale.kill()]);
    const [receiver, transformer, writer] = await Promise.all([
      world.spawn('receiver'),
      world.spawn('transformer'),
      world.spawn('writer'),
    ]);
    stages = { receiver, transformer, writer };
    await untilUnready(receiver, 'STREAM_UNREACHABLE', SOON_MS_MAX);
    await untilUnready(transformer, 'STREAM_UNREACHABLE', SOON_MS_MAX);
    await untilUnready(writer, 'STORE_UNREACHABLE', SOON_MS_MAX);
    await sleep(OUTAGE_MS);
    for (const stage of Object.values(stages)) {
      expect(await isAlive(stage)).toBe(true);
      expect((await readiness(stage))?.status).toBe(503);
      expect(linesOf(stage), stage.output()).toBeLessThan(linesMax(OUTAGE_MS));
    }
    await broker.restart();
    await untilReadyAgain(receiver, SOON_MS_MAX);
    const firstTimeMs = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 3 * HOUR_MS + 1234;
    const { url } = receiver;
    load = new PacedLoad({ url, name: 'paced', firstTimeMs, retryMsMax: CATCH_UP_MS_MAX });
    load.resume();
    await untilUnready(transformer, 'STATE_UNREACHABLE', SOON_MS_MAX);
    await state.restart();
    await untilReadyAgain(transformer, SOON_MS_MAX);
    expect((await readiness(writer))?.status).toBe(503);
    await timescale.restart();
    await untilReadyAgain(writer, SOON_MS_MAX);
    await world.connectStoreAgain();
    await untilCaughtUp(stages.writer);
    expect(load.refusals).toMatchObject({ again: 0, noAnswer: 0 });
  }

  async function kafka(): Promise<void> {
    const quiet = quietFrom();
    await services.kafka.kill();
    await sleep(APPEND_AGE_MS);
    await untilOf(stages.receiver, 'puts senders off', SOON_MS_MAX, async () => {
      return load.refusals.again > 0;
    });
    await untilUnready(stages.receiver, 'RECEIVER_', SOON_MS_MAX);
    const endMs = performance.now() + OUTAGE_MS - APPEND_AGE_MS;
    while (performance.now() < endMs) {
      expect((await readiness(stages.receiver))?.status).toBe(503);
      await sleep(200);
    }
    quiet(Math.max(OUTAGE_MS, APPEND_AGE_MS));
    await services.kafka.restart();
    for (const stage of Object.values(stages)) await untilReadyAgain(stage, SOON_MS_MAX);
    await untilCaughtUp(stages.transformer);
    await untilCaughtUp(stages.writer);
    expect(load.refusals).toMatchObject({ withoutRetryAfter: 0, noAnswer: 0 });
  }

  async function redisAndDatabase(): Promise<void> {
    const before = load.refusals;
    const quiet = quietFrom();
    await Promise.all([services.redis.kill(), services.timescale.kill()]);
    await takesDataFor(OUTAGE_MS);
    const told = await untilUnready(stages.writer, 'STORE_UNREACHABLE', SOON_MS_MAX);
    expect(JSON.stringify(told)).toContain('Start the database');
    const lags = (await partitionsOf(stages.writer)).map(({ lagMs }) => lagMs);
    expect(Math.max(...lags)).toBeGreaterThan(OUTAGE_MS / 2);
    quiet(OUTAGE_MS);
    await services.redis.restart();
    // Folding goes on although nothing can be stored.
    await untilReadyAgain(stages.transformer, SOON_MS_MAX);
    await untilCaughtUp(stages.transformer);
    expect((await readiness(stages.writer))?.status).toBe(503);
    await services.timescale.restart();
    await untilReadyAgain(stages.writer, CATCH_UP_MS_MAX);
    await untilCaughtUp(stages.writer);
    expect(load.refusals).toEqual(before);
  }

  /** It comes back without any data: everything is folded again from the start of the log. */
  async function redisForGood(): Promise<void> {
    const before = load.refusals;
    const quiet = quietFrom();
    await services.redis.kill();
    await takesDataFor(OUTAGE_MS);
    quiet(OUTAGE_MS);
    await services.redis.restart({ data: 'none' });
    await untilOf(stages.transformer, 'takes its partitions over again', SOON_MS_MAX, async () => {
      return stages.transformer.output().split('its state is loaded again').length > PARTITIONS;
    });
    await untilReadyAgain(stages.transformer, SOON_MS_MAX);
    await untilCaughtUp(stages.transformer);
    expect(load.refusals).toEqual(before);
  }

  /** The check itself: one sample that is missing, and another one twice instead. */
  async function expectNoticed(sent: PacedSamples): Promise<void> {
    const check = (): Promise<string[]> => pacedFaults(world.store, [sent], 0);
    await world.store.rows(
      `DELETE FROM samples WHERE value = 7
       AND series_id IN (SELECT series_id FROM series WHERE metric = 'paced_orders')`,
    );
    expect((await check()).join('\n')).toContain('event 7 of paced_orders is stored 0 times');
    await world.store.rows(
      `INSERT INTO samples SELECT * FROM samples WHERE value = 8
       AND series_id IN (SELECT series_id FROM series WHERE metric = 'paced_orders')`,
    );
    expect((await check()).join('\n')).toContain('event 8 of paced_orders is stored 2 times');
    await world.store.rows(`INSERT INTO windows SELECT * FROM windows LIMIT 1`);
    expect((await check()).join('\n')).toContain('instead of');
  }

  /** All the time samples are acknowledged, and the receiver says that it is ready. */
  async function takesDataFor(ms: number): Promise<void> {
    const deadlineMs = performance.now() + ms;
    while (performance.now() < deadlineMs) {
      const { acknowledged } = load;
      await untilOf(stages.receiver, 'takes data', SOON_MS_MAX, async () => {
        return load.acknowledged > acknowledged;
      });
      expect((await readiness(stages.receiver))?.status).toBe(200);
      await sleep(200);
    }
  }

  /** What is acknowledged by now is behind the stage. */
  async function untilCaughtUp(stage: StageProcess): Promise<void> {
    await untilOf(stage, 'has caught up', CATCH_UP_MS_MAX, async () => {
      const partitions = await partitionsOf(stage);
      return partitions.length === PARTITIONS && partitions.every(({ lagMs }) => lagMs < 1000);
    });
  }

  /** Expects, when it is called, that no process has said more than such an outage is worth. */
  function quietFrom(): (ms: number) => void {
    const before = new Map(Object.values(stages).map((stage) => [stage, linesOf(stage)]));
    return (ms) => {
      for (const [stage, lines] of before) {
        const said = stage.output().split('\n').slice(lines).join('\n');
        expect(linesOf(stage) - lines, said).toBeLessThan(linesMax(ms));
      }
    };
  }
});

function linesOf(stage: StageProcess): number {
  return stage.output().split('\n').length - 1;
}
