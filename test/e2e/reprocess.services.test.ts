import { setTimeout as sleep } from 'node:timers/promises';
import { applyRules, beginCandidate, dropCandidate, orderJobs } from '@millrace/control';
import { parseRules, type CompiledRules } from '@millrace/rules';
import { silentLog, systemClock, type JobStatus } from '@millrace/runtime';
import { reportMissing, type ProvidedService } from '@millrace/runtime/testing';
import type { Stream } from '@millrace/stream';
import { openKafkaStream } from '@millrace/stream/kafka';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, inject, onTestFailed, test } from 'vitest';
import { editionWindowsSql } from '../integration/edition-windows.ts';
import { until } from '../integration/running-millrace.ts';
import { DistributedWorld, type ServiceUrls } from '../services/distributed-world.ts';
import type { StageProcess } from '../services/stage-processes.ts';
import { SalesLoad } from './sales-load.ts';

const provided = [inject('kafka'), inject('redis'), inject('timescale')];
const missing = provided.flatMap((service) => ('missing' in service ? [service.missing] : []));
for (const one of missing) reportMissing(one);

const PARTITIONS = 6;
const LOAD_MS = 6000;
const DAY_MS = 86_400_000;
const SOON_MS_MAX = 90_000;
/** Short, so that a process that was killed is missed within the test. */
const QUICK = { MILLRACE_KAFKA__SESSION_MS: '6s', MILLRACE_TRANSFORMER__COMMIT_MS: '500ms' };
const urlOf = (service: ProvidedService): string => ('url' in service ? service.url : '');

const RULES = `rules:
  - name: sales
    match: sales
    by: [shop]
    widths: [5s]
    aggregates: [count, sum, min, max, first, last]
    keep_raw: false
`;

describe.skipIf(missing.length > 0)('the past, folded on a cluster', { timeout: 240_000 }, () => {
  let urls: ServiceUrls;
  let world: DistributedWorld;
  let stream: Stream;
  let load: SalesLoad;
  beforeEach(async () => {
    const [kafka, redis, timescale] = provided.map(urlOf);
    urls = { kafka: kafka!, redis: redis!, timescale: timescale! };
    world = await DistributedWorld.make(urls, { partitions: PARTITIONS });
    onTestFailed(() => void process.stderr.write(world.outputs().slice(-20_000)));
    stream = await openKafkaStream({
      connection: { brokers: urls.kafka.split(','), clientId: 'millrace-test' },
      topicPrefix: world.environment['MILLRACE_KAFKA__TOPIC_PREFIX']!,
      clock: systemClock,
      log: silentLog,
    });
  });
  afterEach(async () => {
    await load?.stop().catch(() => undefined);
    await stream.close();
    await world.remove();
  });

  test('is the same under the same rules, although a transformer was killed', async () => {
    const parts = { stream, clock: systemClock };
    const wanted = { rules: rulesOf(RULES), source: RULES };
    await applyRules(parts, wanted);
    const receiver = await world.start('receiver');
    const transformers = await Promise.all([1, 2].map(() => world.start('transformer', QUICK)));
    await world.start('writer');
    const fromMs = Date.now() - 60_000;
    load = new SalesLoad({ url: receiver.url, seed: 3 });
    load.start();
    await sleep(LOAD_MS);
    const begun = await beginCandidate(parts, { ...wanted, sinceUs: fromMs * 1000 });
    const { number } = begun.candidate!;
    await orderJobs(parts, number, { samplesPerSecondMax: 200 });
    const jobs = async (): Promise<JobStatus[]> => {
      return (await Promise.all(transformers.map(jobsOf))).flat();
    };
    await until('jobs have committed something', SOON_MS_MAX, async () => {
      return (await jobs()).some(({ committedPosition = 0 }) => committedPosition > 10);
    });
    transformers[0] = await world.killAndStartAgain(transformers[0]!, QUICK);
    await orderJobs(parts, number, { samplesPerSecondMax: 0 });
    await until('all jobs are over', SOON_MS_MAX, async () => {
      const over = (await jobs()).filter(({ state }) => state === 'over');
      return new Set(over.map(({ partition }) => partition)).size === PARTITIONS;
    });
    await load.stop();
    let both: unknown[][] = [];
    const read = (turn: number): Promise<unknown[]> =>
      world.store.rows(
        editionWindowsSql({ rule: 'sales', turn, sinceMs: fromMs, untilMs: Date.now() + DAY_MS }),
      );
    await until('both editions have the same windows', SOON_MS_MAX, async () => {
      both = [await read(1), await read(2)];
      return JSON.stringify(both[0]) === JSON.stringify(both[1]);
    }).catch(() => expect(both[1]).toEqual(both[0]));
    expect(both[0]!.length).toBeGreaterThan(8);
    expect(await keysOfJobs()).toHaveLength(PARTITIONS);
    await dropCandidate(parts, number);
    await until('nothing is kept of them', SOON_MS_MAX, async () => {
      return (await keysOfJobs()).length === 0;
    });
  });

  async function jobsOf({ url }: StageProcess): Promise<JobStatus[]> {
    const answer = await fetch(`${url}/api/v1/status`).catch(() => undefined);
    return ((await answer?.json()) as { jobs?: JobStatus[] } | undefined)?.jobs ?? [];
  }

  async function keysOfJobs(): Promise<string[]> {
    const redis = new Redis(urls.redis);
    try {
      return await redis.keys(`${world.environment['MILLRACE_REDIS__KEY_PREFIX']!}:job-*`);
    } finally {
      await redis.quit();
    }
  }
});

function rulesOf(source: string): CompiledRules {
  const parsed = parseRules(source);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.compiled;
}
