import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beginCandidate, orderJobs } from '@millrace/control';
import { silentLog, systemClock, type JobStatus } from '@millrace/runtime';
import type { Stream } from '@millrace/stream';
import { openKafkaStream } from '@millrace/stream/kafka';
import { SHOP_RULES } from '../integration/killed-reprocess.ts';
import { push, until } from '../integration/running-millrace.ts';
import { ShopSamples } from '../integration/shop-samples.ts';
import { DistributedWorld, type ServiceUrls } from '../services/distributed-world.ts';
import type { StageProcess } from '../services/stage-processes.ts';
import { auditFaults } from './accounted-for.ts';
import { SalesLoad } from './sales-load.ts';
import { rulesOf } from './sales-rules.ts';

const PARTITIONS = 6;
const MINUTE_MS = 60_000;
const LOAD_MS = 6000;
/** Of half a minute each, all of them long over when the load begins. */
const REQUESTS = 60;
/** Before each kill, of what those told of. */
const LATE_REQUESTS = 2;
/** Windows that both editions have, by all rules together. */
export const EQUAL_MIN = 300;
const SOON_MS_MAX = 90_000;
/** Of each job, in a second, for one kill: jobs have to last until they were killed often enough. */
const RATE = 200;
/** Short, so that a process that was killed is missed within the test. */
const QUICK = { MILLRACE_KAFKA__SESSION_MS: '6s', MILLRACE_TRANSFORMER__COMMIT_MS: '500ms' };

/** Counters and gauges of half an hour, and events of the present in windows of a second. */
const RULES = `${SHOP_RULES}  - name: lanes
    match: sales
    by: [shop, lane]
    widths: [1s, 5s]
    aggregates: [count, sum, min, max, first, last]
    keep_raw: false
`;

interface ToldDiff {
  rules: { rule: string; windows: Record<'equal' | 'changed' | 'added' | 'removed', number> }[];
}

/**
 * A cluster that folds its past again under the rules in force, while late samples of it arrive
 * and its transformers are killed by turns.
 */
export class ClusterReprocess {
  /** Of the candidate. */
  number = 0;
  readonly world: DistributedWorld;
  readonly stream: Stream;
  readonly #samples: ShopSamples;
  readonly #load: SalesLoad;
  readonly #receiver: StageProcess;
  readonly #transformers: StageProcess[];

  private constructor(
    world: DistributedWorld,
    parts: Readonly<{
      stream: Stream;
      receiver: StageProcess;
      transformers: StageProcess[];
      seed: number;
    }>,
  ) {
    this.world = world;
    this.stream = parts.stream;
    this.#receiver = parts.receiver;
    this.#transformers = parts.transformers;
    const { seed } = parts;
    this.#load = new SalesLoad({ url: parts.receiver.url, seed });
    const fromMs = Math.floor(Date.now() / MINUTE_MS - REQUESTS / 2 - 10) * MINUTE_MS;
    this.#samples = new ShopSamples({ fromMs, requests: REQUESTS, seed });
  }

  static async start(urls: ServiceUrls, seed: number): Promise<ClusterReprocess> {
    const world = await makeWorld(urls);
    try {
      const stream = await openKafkaStream({
        connection: { brokers: urls.kafka.split(','), clientId: 'millrace-test' },
        topicPrefix: world.environment['MILLRACE_KAFKA__TOPIC_PREFIX']!,
        clock: systemClock,
        log: silentLog,
      });
      const receiver = await world.start('receiver');
      const transformers = await Promise.all([1, 2].map(() => world.start('transformer', QUICK)));
      await world.start('writer');
      return new ClusterReprocess(world, { stream, receiver, transformers, seed });
    } catch (error) {
      await world.remove();
      throw error;
    }
  }

  /** Resolves when all jobs are over and nothing more is sent. */
  async run(kills: number): Promise<void> {
    this.#load.start();
    const loaded = sleep(LOAD_MS);
    for (let i = 0; i < REQUESTS; i += 1) await this.#push(this.#samples.request(i));
    await loaded;
    const parts = { stream: this.stream, clock: systemClock };
    const wanted = {
      rules: rulesOf(RULES),
      source: RULES,
      // A fifth of the way on: what is before only belongs to memory, and to wide windows.
      sinceUs: (this.#samples.fromMs + (REQUESTS / 5) * 30_000 + 7000) * 1000,
    };
    this.number = (await beginCandidate(parts, wanted)).candidate!.number;
    await orderJobs(parts, this.number, { samplesPerSecondMax: Math.ceil(RATE / kills) });
    for (let kill = 0; kill < kills; kill += 1) await this.#killOne(kill % 2);
    await orderJobs(parts, this.number, { samplesPerSecondMax: 0 });
    await this.#load.stop();
    const flags = [String(this.number), '--url', this.#receiver.url, '--follow'];
    await this.world.run('reprocess', 'status', ...flags);
  }

  /** What is not as it must be. */
  async faults(): Promise<{ faults: string[]; equal: number }> {
    const deadlineMs = performance.now() + SOON_MS_MAX;
    // What was sent last is stored a moment later, in both.
    let diff = await this.#diff();
    while (!isEnough(diff)) {
      if (performance.now() > deadlineMs) {
        throw new Error(`too little can be compared: ${JSON.stringify(diff.rules)}`);
      }
      diff = await this.#diff();
    }
    const wrong = diff.rules.filter(({ windows: { changed, added, removed } }) => {
      return changed + added + removed > 0;
    });
    const faults = wrong.map((one) => `the editions differ: ${JSON.stringify(one)}`);
    return { faults: [...faults, ...(await auditFaults(this.world))], equal: equalOf(diff) };
  }

  async remove(): Promise<void> {
    await this.#load.stop().catch(() => undefined);
    await this.stream.close();
    await this.world.remove();
  }

  async #diff(): Promise<ToldDiff> {
    const flags = [String(this.number), '--url', this.#receiver.url, '--json'];
    return JSON.parse(await this.world.run('edition', 'diff', ...flags)) as ToldDiff;
  }

  async #push(samples: readonly unknown[]): Promise<void> {
    if (samples.length === 0) return;
    const { status } = await push(this.#receiver.url, samples);
    if (status !== 200) throw new Error(`samples were answered with ${status}`);
  }

  async #killOne(which: number): Promise<void> {
    for (let i = 0; i < LATE_REQUESTS; i += 1) await this.#push(this.#samples.lateRequest());
    const before = await this.#committed();
    await until('jobs have committed something', SOON_MS_MAX, async () => {
      return (await this.#committed()) > before;
    });
    const killed = this.#transformers[which]!;
    this.#transformers[which] = await this.world.killAndStartAgain(killed, QUICK);
  }

  /** Of all jobs that are told of. Those that are over have committed all that they had. */
  async #committed(): Promise<number> {
    const all = (await Promise.all(this.#transformers.map(jobsOf))).flat();
    const over = all.filter(({ state }) => state === 'over');
    if (new Set(over.map(({ partition }) => partition)).size === PARTITIONS) {
      throw new Error('nothing is left to be killed');
    }
    return all.reduce((sum, { state, position, committedPosition = 0 }) => {
      return sum + (state === 'over' ? position : committedPosition);
    }, 0);
  }
}

/** The rules are there from the first record on: windows of before would be partial. */
async function makeWorld(urls: ServiceUrls): Promise<DistributedWorld> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-rules-'));
  const file = join(directory, 'millrace.yaml');
  try {
    await writeFile(file, RULES);
    const environment = { MILLRACE_CONFIG: file };
    return await DistributedWorld.make(urls, { partitions: PARTITIONS, environment });
  } finally {
    await rm(directory, { recursive: true });
  }
}

function isEnough(diff: ToldDiff): boolean {
  const isOfEach = ['sales', 'warmth', 'lanes'].every((name) => {
    return diff.rules.some(({ rule, windows }) => rule === name && windows.equal > 0);
  });
  return isOfEach && equalOf(diff) >= EQUAL_MIN;
}

function equalOf({ rules }: ToldDiff): number {
  return rules.reduce((sum, { windows }) => sum + windows.equal, 0);
}

async function jobsOf({ url }: StageProcess): Promise<JobStatus[]> {
  const answer = await fetch(`${url}/api/v1/status`).catch(() => undefined);
  return ((await answer?.json()) as { jobs?: JobStatus[] } | undefined)?.jobs ?? [];
}
