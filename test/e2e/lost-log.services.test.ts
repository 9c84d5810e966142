import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, reportMissing, type ProvidedService } from '@millrace/runtime/testing';
import { TOPIC_EVENTS, TOPIC_SERIES } from '@millrace/stream';
import { afterEach, beforeEach, describe, expect, inject, onTestFailed, test } from 'vitest';
import { DistributedWorld, type ServiceUrls } from '../services/distributed-world.ts';
import { KafkaTopicsOperator } from '../services/kafka-topics.ts';
import { readLedger } from '../services/ledger-check.ts';
import { isAlive, partitionsOf, untilOf, untilUnready } from '../services/stage-health.ts';
import { untilReady, type StageName, type StageProcess } from '../services/stage-processes.ts';
import { PacedLoad } from './paced-load.ts';
import { pacedFaults } from './paced-faults.ts';
import { countEvents, type PacedSamples } from './paced-samples.ts';

const provided = [inject('kafka'), inject('redis'), inject('timescale')];
const missing = provided.flatMap((service) => ('missing' in service ? [service.missing] : []));
for (const one of missing) reportMissing(one);

const PARTITIONS = 3;
const HOUR_MS = 3_600_000;
const SOON_MS_MAX = 60_000;
/** The load runs for so long before and after. */
const LOAD_MS = 2500;
/** So long what must not happen has time to happen. */
const WATCHED_MS = 5000;
const urlOf = (service: ProvidedService): string => ('url' in service ? service.url : '');

const NAMES = ['receiver', 'transformer', 'writer'] as const;
const ALL = Array.from({ length: PARTITIONS }, (_, partition) => partition);
/** Of one process while it is watched. */
const LINES_MAX = 15;

type Stages = Record<StageName, StageProcess>;

describe.skipIf(missing.length > 0)('a log that lost what was in it', { timeout: 180_000 }, () => {
  let world: DistributedWorld;
  let operator: KafkaTopicsOperator;
  let load: PacedLoad;
  let stages: Stages;
  /** Senders know the receiver by it. */
  let ports: Partial<Record<StageName, number>>;
  beforeEach(async () => {
    const [kafka, redis, timescale] = provided.map(urlOf);
    const urls: ServiceUrls = { kafka: kafka!, redis: redis!, timescale: timescale! };
    world = await DistributedWorld.make(urls, { partitions: PARTITIONS });
    const topicPrefix = world.environment['MILLRACE_KAFKA__TOPIC_PREFIX']!;
    operator = new KafkaTopicsOperator({ url: urls.kafka, topicPrefix });
    onTestFailed(() => void process.stderr.write(world.outputs().slice(-20_000)));
    ports = { receiver: await freePort() };
    await startAll();
    for (const stage of Object.values(stages)) await untilReady(stage);
    load = loadNamed('paced');
  });
  afterEach(async () => {
    await load.abandon();
    await operator.remove();
    await world.remove();
  });

  test('metrics.events is deleted and made again under running processes', async () => {
    await untilStored(await loadFor(LOAD_MS));
    await operator.makeAgain(TOPIC_EVENTS);
    const { acknowledged } = load;
    load.resume();
    await untilStopped(stages.receiver, 'STREAM_REPLACED', 'millrace setup --accept-new-log');
    await untilStopped(stages.transformer, 'STREAM_REPLACED', 'millrace setup --accept-new-log');
    await expectCalm();
    expect(load.acknowledged).toBe(acknowledged);
    expect(load.refusals.again).toBeGreaterThan(0);
    expect(load.refusals.withoutRetryAfter).toBe(0);
    // As somebody would who does not read the remedy to its end.
    await restart(...NAMES);
    await untilUnready(stages.receiver, 'RECEIVER_NOT_SET_UP', SOON_MS_MAX);
    await untilStopped(stages.transformer, 'TRANSFORMER_OTHER_LOG', '--accept-new-log');
    expect(load.acknowledged).toBe(acknowledged);
    expect(await world.run('setup', '--accept-new-log')).toContain('goes on with log');
    await restart(...NAMES);
    await sleep(LOAD_MS);
    await untilStored(await load.stop());
  });

  test.each([
    { topics: [TOPIC_EVENTS], isFoldedAgain: false },
    // Then nothing is left that tells under which number the log was put out.
    { topics: [TOPIC_EVENTS, TOPIC_SERIES], isFoldedAgain: true },
  ] as const)('$topics made again, and Redis is empty', async ({ topics, isFoldedAgain }) => {
    const before = await loadFor(LOAD_MS);
    await untilStored(before);
    for (const stage of Object.values(stages)) await world.stop(stage);
    await operator.makeAgain(...topics);
    await world.flushState();
    // So it looks new, and the database alone knows better.
    await world.run('setup');
    await startAll();
    // Series of its own: of those before nothing is remembered, not even how far they had counted.
    load = loadNamed('after');
    load.resume();
    await untilStopped(stages.writer, 'STORE_OTHER_LOG', '--accept-new-log');
    for (const name of ['transformer', 'writer'] as const) await world.stop(stages[name]);
    await world.run('setup', '--accept-new-log');
    // What was put out under a number that was another log's is gone, and is put out again.
    const starts = await operator.starts(TOPIC_SERIES);
    expect(starts.map((start) => start > 0)).toEqual(starts.map(() => isFoldedAgain));
    await startAll(['transformer', 'writer']);
    await sleep(LOAD_MS);
    await untilStored(before, await load.stop());
  });

  test('metrics.series is deleted and made again while the writer is behind', async () => {
    load.resume();
    await sleep(LOAD_MS);
    stages.writer.child.kill('SIGSTOP');
    await sleep(LOAD_MS);
    await operator.makeAgain(TOPIC_SERIES);
    stages.writer.child.kill('SIGCONT');
    await untilStopped(stages.transformer, 'STREAM_REPLACED', 'start again');
    await untilStopped(stages.writer, 'STREAM_REPLACED', 'start again');
    await expectCalm();
    // The log itself is whole, and takes what comes.
    expect(load.refusals).toMatchObject({ again: 0, noAnswer: 0 });
    await world.run('setup', '--accept-new-log');
    await restart('transformer', 'writer');
    await untilStopped(stages.writer, 'WRITER_GAP', 'millrace checkpoint restore --partition');
    await foldAgain(...ALL);
    await untilStored(await load.stop());
  });

  test('records expire before they are read', async () => {
    load.resume();
    await sleep(LOAD_MS);
    // Of partition 0 what is not folded, of partition 1 what is not stored.
    await world.stop(stages.writer);
    await sleep(LOAD_MS);
    await world.stop(stages.transformer);
    const folded = await operator.ends(TOPIC_EVENTS);
    await sleep(LOAD_MS);
    const sent = await load.pause();
    await operator.expire(TOPIC_EVENTS, 0, folded[0]! + 3);
    const [, series] = await operator.ends(TOPIC_SERIES);
    await operator.expire(TOPIC_SERIES, 1, series!);
    await startAll(['transformer', 'writer']);
    await untilStopped(stages.transformer, 'TRANSFORMER_EXPIRED', 'backup', [0]);
    await untilStopped(stages.writer, 'WRITER_EXPIRED', 'checkpoint restore --partition 1', [1]);
    await expectCalm();
    // Everybody else goes on.
    const goOn = (await partitionsOf(stages.transformer)).filter(({ partition }) => partition > 0);
    expect(goOn.map(({ state }) => state)).toEqual(['running', 'running']);
    await foldAgain(1);
    await untilOf(stages.writer, 'has stored what can be', SOON_MS_MAX, async () => {
      const marks = await markOffsets();
      return marks[1]! > folded[1]! && marks[2]! > folded[2]!;
    });
    // Nothing was skipped: of partition 0 there is what came before, and no more.
    expect((await markOffsets())[0]).toBeLessThanOrEqual(folded[0]!);
    // Its last totals were not put out any more; what was put out adds up.
    const { rows: all, accepted, stored, duplicate, ...others } = await readLedger(world.store);
    expect(stored + duplicate).toBe(accepted);
    expect(others).toEqual({ conflict: 0, dropped: 0, unverified: 0, deadLetter: 0 });
    expect(stored).toBeLessThanOrEqual(all);
    const { rows, times } = await world.store.row<{ rows: number; times: number }>(
      `SELECT count(*)::integer AS rows, count(DISTINCT value)::integer AS times
       FROM series_samples WHERE metric = 'paced_orders'`,
    );
    expect(rows).toBe(times);
    expect(rows).toBeLessThan(countEvents(sent));
  });

  /** Below which offset of the events everything is stored, by partition. */
  async function markOffsets(): Promise<number[]> {
    const rows = await world.store.rows<{ at: number }>(
      `SELECT mark_offset::float8 AS at FROM positions ORDER BY partition`,
    );
    return rows.map(({ at }) => at);
  }

  async function startAll(names: readonly StageName[] = NAMES): Promise<void> {
    const begun = await Promise.all(names.map((name) => world.spawn(name, {}, ports[name])));
    stages = { ...stages, ...Object.fromEntries(begun.map((one) => [one.stage, one])) };
  }

  function loadNamed(name: string): PacedLoad {
    const firstTimeMs = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 3 * HOUR_MS + 1234;
    const { url } = stages.receiver;
    return new PacedLoad({ url, name, firstTimeMs, retryMsMax: 2 * SOON_MS_MAX });
  }

  async function restart(...names: StageName[]): Promise<void> {
    for (const name of names) expect(await world.stop(stages[name])).toBe(0);
    await startAll(names);
  }

  async function loadFor(ms: number): Promise<PacedSamples> {
    load.resume();
    await sleep(ms);
    return await load.pause();
  }

  /** Stored, and what is folded is committed. */
  async function untilStored(...sent: PacedSamples[]): Promise<void> {
    expect(await pacedFaults(world.store, sent, SOON_MS_MAX)).toEqual([]);
  }

  /** As the writer says; the transformers go on running. */
  async function foldAgain(...partitions: number[]): Promise<void> {
    const marks = await markOffsets();
    for (const partition of partitions) {
      const where = ['--partition', String(partition), '--at-most', String(marks[partition] ?? 0)];
      const told = await world.run('checkpoint', 'restore', ...where);
      expect(told).toMatch(/goes on from the checkpoint|folded again from the log/);
    }
    await untilOf(stages.writer, 'goes on', SOON_MS_MAX, async () => {
      const states = (await partitionsOf(stages.writer)).map(({ state }) => state);
      return states.length === PARTITIONS && states.every((state) => state === 'running');
    });
  }

  /** Stands still with the reason, and says in all places what it is and what to do. */
  async function untilStopped(
    stage: StageProcess,
    code: string,
    remedy: string,
    partitions: readonly number[] = ALL,
  ): Promise<void> {
    const waits = stage.stage === 'receiver' ? 'waiting' : 'stopped';
    await untilOf(stage, `stands still for ${code}`, SOON_MS_MAX, async () => {
      const standing = (await partitionsOf(stage)).filter(({ state }) => state === waits);
      const reasons = standing.map(({ reason }) => JSON.stringify(reason));
      const isSo = reasons.every((reason) => reason.includes(code) && reason.includes(remedy));
      return isSo && standing.map(({ partition }) => partition).join() === partitions.join();
    });
    const told = await untilUnready(stage, code, SOON_MS_MAX);
    expect(JSON.stringify(told)).toContain(remedy);
    await untilOf(stage, `writes ${code} to its log`, SOON_MS_MAX, async () => {
      const lines = stage.output().split('\n');
      return lines.some((line) => line.includes(code) && line.includes(remedy));
    });
  }

  /** Nobody dies, nobody shouts. */
  async function expectCalm(): Promise<void> {
    const all = Object.values(stages);
    const before = all.map((stage) => stage.output().length);
    await sleep(WATCHED_MS);
    for (const [i, stage] of all.entries()) {
      const said = stage.output().slice(before[i]);
      expect(said.split('\n').length, said).toBeLessThan(LINES_MAX);
      expect(await isAlive(stage)).toBe(true);
    }
  }
});
