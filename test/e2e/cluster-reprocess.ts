import { setTimeout as sleep } from 'node:timers/promises';
import { applyRules, beginCandidate, orderJobs } from '@millrace/control';
import { silentLog, systemClock, type JobStatus } from '@millrace/runtime';
import type { Stream } from '@millrace/stream';
import { openKafkaStream } from '@millrace/stream/kafka';
import { until } from '../integration/running-millrace.ts';
import { DistributedWorld, type ServiceUrls } from '../services/distributed-world.ts';
import type { StageProcess } from '../services/stage-processes.ts';
import { auditFaults } from './accounted-for.ts';
import { SalesLoad } from './sales-load.ts';
import { rulesOf, SALES_RULES } from './sales-rules.ts';

const PARTITIONS = 6;
const LOAD_MS = 6000;
const SOON_MS_MAX = 90_000;
/** Of each job, in a second, for one kill: jobs have to last until they were killed often enough. */
const RATE = 200;
/** Short, so that a process that was killed is missed within the test. */
const QUICK = { MILLRACE_KAFKA__SESSION_MS: '6s', MILLRACE_TRANSFORMER__COMMIT_MS: '500ms' };

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
  readonly #fromMs: number = Date.now() - 60_000;
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
    this.#load = new SalesLoad({ url: parts.receiver.url, seed: parts.seed });
  }

  static async start(urls: ServiceUrls, seed: number): Promise<ClusterReprocess> {
    const world = await DistributedWorld.make(urls, { partitions: PARTITIONS });
    try {
      const stream = await openKafkaStream({
        connection: { brokers: urls.kafka.split(','), clientId: 'millrace-test' },
        topicPrefix: world.environment['MILLRACE_KAFKA__TOPIC_PREFIX']!,
        clock: systemClock,
        log: silentLog,
      });
      const wanted = { rules: rulesOf(SALES_RULES), source: SALES_RULES };
      await applyRules({ stream, clock: systemClock }, wanted);
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
    await sleep(LOAD_MS);
    const parts = { stream: this.stream, clock: systemClock };
    const wanted = {
      rules: rulesOf(SALES_RULES),
      source: SALES_RULES,
      sinceUs: this.#fromMs * 1000,
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
    let diff: ToldDiff = { rules: [] };
    // What was sent last is stored a moment later, in both.
    await until('windows can be compared', SOON_MS_MAX, async () => {
      const flags = [String(this.number), '--url', this.#receiver.url, '--json'];
      diff = JSON.parse(await this.world.run('edition', 'diff', ...flags)) as ToldDiff;
      return diff.rules.some(({ rule, windows }) => rule === 'sales' && windows.equal > 8);
    });
    const wrong = diff.rules.filter(({ windows: { changed, added, removed } }) => {
      return changed + added + removed > 0;
    });
    const faults = wrong.map((one) => `the editions differ: ${JSON.stringify(one)}`);
    const equal = diff.rules.reduce((sum, { windows }) => sum + windows.equal, 0);
    return { faults: [...faults, ...(await auditFaults(this.world))], equal };
  }

  async remove(): Promise<void> {
    await this.#load.stop().catch(() => undefined);
    await this.stream.close();
    await this.world.remove();
  }

  async #killOne(which: number): Promise<void> {
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

async function jobsOf({ url }: StageProcess): Promise<JobStatus[]> {
  const answer = await fetch(`${url}/api/v1/status`).catch(() => undefined);
  return ((await answer?.json()) as { jobs?: JobStatus[] } | undefined)?.jobs ?? [];
}
