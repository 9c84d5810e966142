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

const started = await startOwnServices();
const missing = 'urls' in started ? [] : started;
for (const one of missing) reportMissing(one);

const PARTITIONS = 4;
const HOUR_MS = 3_600_000;
/** How long each of them is away; a long run says `MILLRACE_TEST_OUTAGE_SECONDS=3600`. */
const OUTAGE_MS = Number(process.env['MILLRACE_TEST_OUTAGE_SECONDS'] ?? 10) * 1000;
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
      await redis('kept');
      await redis('none');
      await database();
      const sent = await load.stop();
      await world.connectStoreAgain();
      expect(await pacedFaults(world.store, [sent], CATCH_UP_MS_MAX)).toEqual([]);
      for (const stage of Object.values(stages)) {
        // The very processes that were there at first.
        expect(await isAlive(stage)).toBe(true);
        expect(await world.stop(stage)).toBe(0);
      }
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
    await untilCaughtUp();
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
    for (const stage of Object.values(stages)) {await untilReadyAgain(stage, SOON_MS_MAX);tick(stage.stage);}
    await untilCaughtUp();
    expect(load.refusals).toMatchObject({ withoutRetryAfter: 0, noAnswer: 0 });
  }

  /** `data`: what Redis has when it comes back. */
  async function redis(data: 'kept' | 'none'): Promise<void> {
    const before = load.refusals;
    const quiet = quietFrom();
    await services.redis.kill();
    await takesDataFor(OUTAGE_MS);
    quiet(OUTAGE_MS);
    await services.redis.restart({ data });
    await untilReadyAgain(stages.transformer, SOON_MS_MAX);
    await untilCaughtUp();
    expect(load.refusals).toEqual(before);
  }

  async function database(): Promise<void> {
    const before = load.refusals;
    const quiet = quietFrom();
    await services.timescale.kill();
    await takesDataFor(OUTAGE_MS);
    await untilUnready(stages.writer, 'STORE_UNREACHABLE', SOON_MS_MAX);
    expect((await readiness(stages.transformer))?.status).toBe(200);
    const lags = (await partitionsOf(stages.writer)).map(({ lagMs }) => lagMs);
    expect(Math.max(...lags)).toBeGreaterThan(OUTAGE_MS / 2);
    quiet(OUTAGE_MS);
    await services.timescale.restart();
    await untilReadyAgain(stages.writer, SOON_MS_MAX);
    await untilCaughtUp();
    expect(load.refusals).toEqual(before);
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

  /** Everything that is acknowledged by now is behind every stage. */
  async function untilCaughtUp(): Promise<void> {
    for (const stage of [stages.transformer, stages.writer]) {
      await untilOf(stage, 'has caught up', CATCH_UP_MS_MAX, async () => {
        const partitions = await partitionsOf(stage);
        return partitions.length === PARTITIONS && partitions.every(({ lagMs }) => lagMs < 1000);
      });
    }
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
