import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, reportMissing, type ProvidedService } from '@millrace/runtime/testing';
import { TOPIC_EVENTS } from '@millrace/stream';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, inject, onTestFailed, test } from 'vitest';
import { DistributedWorld, type ServiceUrls } from '../services/distributed-world.ts';
import { KafkaTopicsOperator } from '../services/kafka-topics.ts';
import { untilOf, untilReadyAgain } from '../services/stage-health.ts';
import { untilReady, type StageProcess } from '../services/stage-processes.ts';
import { PacedLoad } from './paced-load.ts';
import { pacedFaults } from './paced-faults.ts';

const provided = [inject('kafka'), inject('redis'), inject('timescale')];
const missing = provided.flatMap((service) => ('missing' in service ? [service.missing] : []));
for (const one of missing) reportMissing(one);

const PARTITIONS = 3;
const HOUR_MS = 3_600_000;
const SOON_MS_MAX = 60_000;
const LOAD_MS = 2500;
const SOON_COMMITTED = { MILLRACE_TRANSFORMER__COMMIT_MS: '500ms' };
const RESTORED = 'a checkpoint took its place';
const urlOf = (service: ProvidedService): string => ('url' in service ? service.url : '');

interface ListedCheckpoint {
  partition: number;
  position: number;
  isUsable: boolean;
}

describe.skipIf(missing.length > 0)('Redis that lost its data', { timeout: 180_000 }, () => {
  let world: DistributedWorld;
  let operator: KafkaTopicsOperator;
  let load: PacedLoad;
  let transformer: StageProcess;
  beforeEach(async () => {
    const [kafka, redis, timescale] = provided.map(urlOf);
    const urls: ServiceUrls = { kafka: kafka!, redis: redis!, timescale: timescale! };
    world = await DistributedWorld.make(urls, { partitions: PARTITIONS });
    const topicPrefix = world.environment['MILLRACE_KAFKA__TOPIC_PREFIX']!;
    operator = new KafkaTopicsOperator({ url: urls.kafka, topicPrefix });
    onTestFailed(() => void process.stderr.write(world.outputs().slice(-20_000)));
    const receiver = await world.spawn('receiver', {}, await freePort());
    transformer = await world.spawn('transformer', SOON_COMMITTED);
    for (const stage of [receiver, transformer, await world.spawn('writer')]) {
      await untilReady(stage);
    }
    const firstTimeMs = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 3 * HOUR_MS + 1234;
    load = new PacedLoad({
      ...{ url: receiver.url, name: 'paced', firstTimeMs, retryMsMax: 2 * SOON_MS_MAX },
    });
  });
  afterEach(async () => {
    await load.abandon();
    await operator.remove();
    await world.remove();
  });

  const listed = async (): Promise<ListedCheckpoint[]> => {
    const { checkpoints } = JSON.parse(await world.run('checkpoint', 'list', '--json')) as {
      checkpoints: ListedCheckpoint[];
    };
    return checkpoints;
  };

  /** Checkpoints under load, and events before them are gone as if their retention were over. */
  const checkpointAndRelease = async (): Promise<void> => {
    load.resume();
    await sleep(LOAD_MS);
    expect(await world.run('checkpoint', 'now')).toMatch(/partition 2: made at position/);
    for (const { partition, position } of await listed()) {
      await operator.expire(TOPIC_EVENTS, partition, position - 1);
    }
    expect((await listed()).map(({ isUsable }) => isUsable)).toEqual([true, true, true]);
    await sleep(LOAD_MS);
  };

  const untilRestored = async (): Promise<void> => {
    await untilOf(transformer, 'has restored all', SOON_MS_MAX, async () => {
      return transformer.output().split(RESTORED).length > PARTITIONS;
    });
    await untilReadyAgain(transformer, SOON_MS_MAX);
  };

  const expectAllStored = async (): Promise<void> => {
    await sleep(LOAD_MS);
    expect(await pacedFaults(world.store, [await load.stop()], SOON_MS_MAX)).toEqual([]);
    expect(await world.run('checkpoint', 'verify')).toContain('none is damaged');
  };

  test('together with a transformer, kill -9', async () => {
    await checkpointAndRelease();
    await world.kill(transformer);
    expect(await world.flushState()).toBe(PARTITIONS);
    transformer = await world.spawn('transformer', SOON_COMMITTED);
    await untilRestored();
    await expectAllStored();
    const { length } = await listed();
    expect(await world.stop(transformer)).toBe(0);
    expect(await listed()).toHaveLength(length + PARTITIONS);
  });

  test('of which a part came back', async () => {
    await checkpointAndRelease();
    const redis = new Redis(urlOf(provided[1]!));
    try {
      const [key] = await redis.keys(`${world.environment['MILLRACE_REDIS__KEY_PREFIX']}:{p1}:*`);
      await redis.hdel(key!, 'position');
      await untilOf(transformer, 'has restored one', SOON_MS_MAX, async () => {
        return transformer.output().includes(RESTORED);
      });
      await untilReadyAgain(transformer, SOON_MS_MAX);
    } finally {
      redis.disconnect();
    }
    await expectAllStored();
  });
});
