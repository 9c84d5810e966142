import { dropCandidate } from '@millrace/control';
import { systemClock } from '@millrace/runtime';
import { reportMissing, type ProvidedService } from '@millrace/runtime/testing';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, inject, onTestFailed, test } from 'vitest';
import { until } from '../integration/running-millrace.ts';
import { ClusterReprocess, EQUAL_MIN } from './cluster-reprocess.ts';

const provided = [inject('kafka'), inject('redis'), inject('timescale')];
const missing = provided.flatMap((service) => ('missing' in service ? [service.missing] : []));
for (const one of missing) reportMissing(one);

const PARTITIONS = 6;
const SOON_MS_MAX = 90_000;
const urlOf = (service: ProvidedService): string => ('url' in service ? service.url : '');

describe.skipIf(missing.length > 0)('the past, folded on a cluster', { timeout: 240_000 }, () => {
  let redisUrl: string;
  let cluster: ClusterReprocess;
  beforeEach(async () => {
    const [kafka, redis, timescale] = provided.map(urlOf);
    redisUrl = redis!;
    const urls = { kafka: kafka!, redis: redis!, timescale: timescale! };
    cluster = await ClusterReprocess.start(urls, 3);
    onTestFailed(() => void process.stderr.write(cluster.world.outputs().slice(-20_000)));
  });
  afterEach(async () => await cluster?.remove());

  test('is the same under the same rules, although a transformer was killed', async () => {
    await cluster.run(1);
    const { faults, equal } = await cluster.faults();
    expect(faults).toEqual([]);
    expect(equal).toBeGreaterThanOrEqual(EQUAL_MIN);
    expect(await keysOfJobs()).toHaveLength(PARTITIONS);
    await dropCandidate({ stream: cluster.stream, clock: systemClock }, cluster.number);
    await until('nothing is kept of them', SOON_MS_MAX, async () => {
      return (await keysOfJobs()).length === 0;
    });
  });

  async function keysOfJobs(): Promise<string[]> {
    const redis = new Redis(redisUrl);
    try {
      const prefix = cluster.world.environment['MILLRACE_REDIS__KEY_PREFIX']!;
      return await redis.keys(`${prefix}:job-*`);
    } finally {
      await redis.quit();
    }
  }
});
