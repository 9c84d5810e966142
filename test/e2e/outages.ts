import { partitionsOf, untilOf, untilUnready } from '../services/stage-health.ts';
import { must, type OutageRun } from './outage-run.ts';

/** Something that is away for a while, and comes back. */
export interface Outage {
  /** As it is chosen by. */
  readonly name: string;
  /** `Redis away in the middle`. */
  readonly what: string;
  /** `kill -9, started again after`: so long as is said elsewhere. */
  readonly how: string;
  /** From the processes' start, or in the middle: then everything is there and has begun. */
  readonly isAtStart: boolean;
  /** How long it lasts in a soak unless said otherwise. */
  readonly soakSeconds: number;
  /** Of the load in a soak: where there is not much to catch up with, duration is what counts. */
  readonly soakSlowness: number;
  readonly act: (run: OutageRun) => Promise<void>;
}

/** After so long without a flush a receiver puts senders off. */
const APPEND_AGE_MS = 10_000;

export const OUTAGES: readonly Outage[] = [
  {
    name: 'start',
    what: 'Kafka, Redis and the database away at start',
    how: 'kill -9 of all three before any process starts; back after',
    isAtStart: true,
    soakSeconds: 3600,
    soakSlowness: 20,
    act: everythingAtStart,
  },
  {
    name: 'kafka',
    what: 'Kafka away in the middle',
    how: 'kill -9 of the only broker; back after',
    isAtStart: false,
    soakSeconds: 3600,
    soakSlowness: 20,
    act: kafka,
  },
  {
    name: 'redis-and-database',
    what: 'Redis and the database away in the middle',
    how: 'kill -9 of both; Redis, then the database back after',
    isAtStart: false,
    soakSeconds: 3600,
    soakSlowness: 20,
    act: redisAndDatabase,
  },
  {
    name: 'redis-for-good',
    what: 'Redis away in the middle, and its data lost',
    how: 'kill -9; back empty after',
    isAtStart: false,
    soakSeconds: 3600,
    soakSlowness: 20,
    act: redisForGood,
  },
  {
    name: 'database',
    what: 'The database away in the middle',
    how: 'kill -9; back after',
    isAtStart: false,
    soakSeconds: 1800,
    soakSlowness: 5,
    act: database,
  },
];

async function everythingAtStart(run: OutageRun): Promise<void> {
  const { kafka: broker, redis, timescale } = run.services;
  const { soonMsMax, outageMs } = run.settings;
  await Promise.all([broker.kill(), redis.kill(), timescale.kill()]);
  const { receiver, transformer, writer } = await run.spawnAll();
  const quiet = run.quietFrom();
  await untilUnready(receiver, 'STREAM_UNREACHABLE', soonMsMax);
  await untilUnready(transformer, 'STREAM_UNREACHABLE', soonMsMax);
  await untilUnready(writer, 'STORE_UNREACHABLE', soonMsMax);
  await run.last('everything is away', async () => {
    for (const name of ['receiver', 'transformer', 'writer'] as const) await run.isUnready(name);
  });
  quiet(outageMs);
  await broker.restart();
  await run.untilReady('receiver');
  run.startLoad();
  await untilUnready(transformer, 'STATE_UNREACHABLE', soonMsMax);
  await redis.restart();
  await run.untilReady('transformer');
  await run.isUnready('writer');
  await timescale.restart();
  await run.untilReady('writer');
  await run.world.connectStoreAgain();
  await run.untilCaughtUp('writer');
  const { again, noAnswer } = run.load.refusals;
  must(again + noAnswer === 0, `${again} times 503, ${noAnswer} times no answer, with Kafka there`);
}

async function kafka(run: OutageRun): Promise<void> {
  const { soonMsMax, outageMs } = run.settings;
  const { receiver } = run.stages;
  const quiet = run.quietFrom();
  await run.services.kafka.kill();
  await untilOf(receiver, 'puts senders off', soonMsMax + APPEND_AGE_MS, async () => {
    return run.load.refusals.again > 0;
  });
  await untilUnready(receiver, 'RECEIVER_', soonMsMax);
  const leftMs = Math.max(0, outageMs - APPEND_AGE_MS);
  await run.last('Kafka is away', async () => await run.isUnready('receiver'), leftMs);
  quiet(Math.max(outageMs, APPEND_AGE_MS));
  await run.services.kafka.restart();
  await run.untilReady();
  await run.untilCaughtUp('transformer', 'writer');
  const { withoutRetryAfter, noAnswer } = run.load.refusals;
  must(withoutRetryAfter === 0, `${withoutRetryAfter} times 503 without Retry-After`);
  must(noAnswer === 0, `${noAnswer} times no answer`);
}

async function redisAndDatabase(run: OutageRun): Promise<void> {
  const { soonMsMax, outageMs } = run.settings;
  const { writer } = run.stages;
  const before = JSON.stringify(run.load.refusals);
  const quiet = run.quietFrom();
  await Promise.all([run.services.redis.kill(), run.services.timescale.kill()]);
  await run.last('Redis and the database are away', async () => await run.untilTaken());
  const told = await untilUnready(writer, 'STORE_UNREACHABLE', soonMsMax);
  must(JSON.stringify(told).includes('Start the database'), `a remedy: ${JSON.stringify(told)}`);
  const lagMs = Math.max(...(await partitionsOf(writer)).map((one) => one.lagMs));
  must(lagMs > outageMs / 2, `the writer tells its lag: ${lagMs} ms`);
  quiet(outageMs);
  await run.services.redis.restart();
  // Folding goes on although nothing can be stored.
  await run.untilReady('transformer');
  await run.untilCaughtUp('transformer');
  await run.isUnready('writer');
  await run.services.timescale.restart();
  await run.untilReady('writer');
  await run.untilCaughtUp('writer');
  const after = JSON.stringify(run.load.refusals);
  must(after === before, `senders noticed: ${before} before, ${after} after`);
}

/** What was put out meanwhile is caught up with. */
async function database(run: OutageRun): Promise<void> {
  const { soonMsMax, outageMs } = run.settings;
  const { writer } = run.stages;
  const before = JSON.stringify(run.load.refusals);
  const quiet = run.quietFrom();
  await run.services.timescale.kill();
  await run.last('the database is away', async () => {
    await run.untilTaken();
    must(await run.isReady('transformer'), 'the transformer is ready');
  });
  await untilUnready(writer, 'STORE_UNREACHABLE', soonMsMax);
  quiet(outageMs);
  await run.services.timescale.restart();
  await run.untilReady('writer');
  const startMs = performance.now();
  await run.untilCaughtUp('writer');
  run.say(`caught up in ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
  const after = JSON.stringify(run.load.refusals);
  must(after === before, `senders noticed: ${before} before, ${after} after`);
}

/** It comes back without any data: what it held is folded again from the log. */
async function redisForGood(run: OutageRun): Promise<void> {
  const { soonMsMax, outageMs } = run.settings;
  const { transformer } = run.stages;
  const before = JSON.stringify(run.load.refusals);
  // What was never committed cannot be lost, and nobody would notice.
  await untilOf(transformer, 'has committed', soonMsMax, async () => {
    return (await run.world.committedPositions()).length === run.partitions;
  });
  const quiet = run.quietFrom();
  await run.services.redis.kill();
  await run.last('Redis is away', async () => await run.untilTaken());
  quiet(outageMs);
  await run.services.redis.restart({ data: 'none' });
  await untilOf(transformer, 'takes its partitions over again', soonMsMax, async () => {
    return transformer.output().split('its state is loaded again').length > run.partitions;
  });
  await run.untilReady('transformer');
  await run.untilCaughtUp('transformer');
  const after = JSON.stringify(run.load.refusals);
  must(after === before, `senders noticed: ${before} before, ${after} after`);
}
