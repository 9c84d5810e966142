import { setTimeout as sleep } from 'node:timers/promises';
import { DistributedWorld } from '../services/distributed-world.ts';
import type { OwnServices } from '../services/own-services.ts';
import {
  isAlive,
  partitionsOf,
  readiness,
  untilOf,
  untilReadyAgain,
  type Readiness,
} from '../services/stage-health.ts';
import type { StageProcess } from '../services/stage-processes.ts';
import { accountForPaced } from './accounted-for.ts';
import { PacedLoad } from './paced-load.ts';
import type { PacedSamples } from './paced-samples.ts';
import { RssTrail } from './rss-trail.ts';
import type { OnceCounts } from './survived-faults.ts';

export interface OutageSettings {
  /** How long something is away. */
  readonly outageMs: number;
  /** How long anything may take that should be there soon. */
  readonly soonMsMax: number;
  /** See `PacedSamples`. */
  readonly slowness: number;
}

export type Stages = Record<'receiver' | 'transformer' | 'writer', StageProcess>;

const PARTITIONS = 4;
const HOUR_MS = 3_600_000;
const POLL_MS_MIN = 200;
const POLL_MS_MAX = 5000;
const TELL_EVERY_MS = 120_000;
/** What a process may say of an outage: what it is, for each partition, and now and then again. */
const linesMax = (ms: number): number => 14 + 4 * PARTITIONS * (1 + ms / 300_000);

/** One process of each stage on services that go away, under a load that goes on all the time. */
export class OutageRun {
  readonly services: OwnServices;
  readonly settings: OutageSettings;
  readonly world: DistributedWorld;
  readonly say: (text: string) => void;
  readonly #isStopping: () => boolean;
  #stages: Stages | undefined;
  #load: PacedLoad | undefined;
  #told = '';

  private constructor(params: OutageRunParams, world: DistributedWorld) {
    this.services = params.services;
    this.settings = params.settings;
    this.say = params.say ?? (() => undefined);
    this.#isStopping = params.isStopping ?? (() => false);
    this.world = world;
  }

  static async make(params: OutageRunParams): Promise<OutageRun> {
    const world = await DistributedWorld.make(params.services.urls, { partitions: PARTITIONS });
    return new OutageRun(params, world);
  }

  get stages(): Stages {
    if (this.#stages === undefined) throw new Error('no stage was started yet');
    return this.#stages;
  }

  get load(): PacedLoad {
    if (this.#load === undefined) throw new Error('no load was started yet');
    return this.#load;
  }

  /** What is told of it in the end: lines and memory of each process. */
  get told(): string {
    return this.#told;
  }

  /** Starts each stage, which may have to wait. */
  async spawnAll(): Promise<Stages> {
    const { world } = this;
    const [receiver, transformer, writer] = await Promise.all([
      world.spawn('receiver'),
      world.spawn('transformer'),
      world.spawn('writer'),
    ]);
    this.#stages = { receiver, transformer, writer };
    return this.#stages;
  }

  startLoad(): void {
    const { outageMs, slowness, soonMsMax } = this.settings;
    const firstTimeMs = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 3 * HOUR_MS + 1234;
    const { url } = this.stages.receiver;
    const retryMsMax = outageMs + soonMsMax;
    this.#load = new PacedLoad({ url, name: 'paced', firstTimeMs, slowness, retryMsMax });
    this.#load.resume();
  }

  /** Everything is there and has begun. */
  async begin(): Promise<void> {
    await this.spawnAll();
    await this.untilReady();
    this.startLoad();
    await this.untilTaken();
    await this.untilCaughtUp('transformer', 'writer');
  }

  /**
   * Lets an outage last, and looks again and again whether all is as it should be meanwhile.
   * In the end nobody said more than it is worth, or holds more memory than at its beginning.
   */
  async last(
    what: string,
    holds: () => Promise<void>,
    ms: number = this.settings.outageMs,
  ): Promise<void> {
    const pollMs = Math.min(Math.max(ms / 40, POLL_MS_MIN), POLL_MS_MAX);
    const startMs = performance.now();
    const trails = Object.values(this.stages).map((stage) => new RssTrail(stage.pid));
    let toldMs = startMs;
    while (performance.now() - startMs < ms) {
      if (this.#isStopping()) throw new Error('it was stopped');
      this.#load?.check();
      for (const stage of Object.values(this.stages)) await this.#answer(stage);
      await holds();
      for (const trail of trails) trail.look();
      if (performance.now() - toldMs > TELL_EVERY_MS) {
        toldMs = performance.now();
        this.#tell(what, toldMs - startMs, trails);
      }
      await sleep(pollMs);
    }
    this.#told = this.#tell(what, performance.now() - startMs, trails);
    const faults = trails.flatMap((trail) => trail.faults());
    if (faults.length > 0) throw new Error(faults.join('\n'));
  }

  /** What it says of itself; a machine that is busy may take a while. */
  async #answer(stage: StageProcess): Promise<Readiness> {
    let answer: Readiness | undefined;
    await untilOf(stage, 'answers', this.settings.soonMsMax, async () => {
      answer = await readiness(stage);
      return answer !== undefined && (await isAlive(stage));
    });
    return answer!;
  }

  #tell(what: string, ms: number, trails: readonly RssTrail[]): string {
    const each = Object.values(this.stages).map(
      (stage, i) => `${stage.stage} ${stage.linesWritten()} lines, ${trails[i]!.describe()}`,
    );
    const processes = each.join('; ');
    const { acknowledged = 0, refusals = { again: 0 } } = this.#load ?? {};
    this.say(
      `${what}, ${(ms / 60_000).toFixed(1)} min: ${acknowledged} samples acknowledged, ` +
        `${refusals.again} times 503; ${processes}`,
    );
    return processes;
  }

  /** Fails, when it is called, if a process said more since then than such an outage is worth. */
  quietFrom(): (ms: number) => void {
    const before = Object.values(this.stages).map(
      (stage) => [stage, stage.linesWritten()] as const,
    );
    return (ms) => {
      for (const [stage, lines] of before) {
        const said = stage.linesWritten() - lines;
        const name = `the ${stage.stage} wrote ${said} lines in ${ms} ms`;
        must(said < linesMax(ms), `${name}:\n${stage.output().slice(-5000)}`);
      }
    };
  }

  /** Samples are acknowledged, and the receiver says that it is ready. */
  async untilTaken(): Promise<void> {
    const { receiver } = this.stages;
    const { acknowledged } = this.load;
    await untilOf(receiver, 'takes data', this.settings.soonMsMax, async () => {
      return this.load.acknowledged > acknowledged;
    });
    must(await this.isReady('receiver'), 'a receiver that takes data is ready');
  }

  async untilReady(...names: readonly (keyof Stages)[]): Promise<void> {
    const { soonMsMax } = this.settings;
    const wanted =
      names.length === 0 ? Object.values(this.stages) : names.map((name) => this.stages[name]);
    for (const stage of wanted) await untilReadyAgain(stage, soonMsMax);
  }

  /** What is acknowledged by now is behind these stages. */
  async untilCaughtUp(...names: readonly ('transformer' | 'writer')[]): Promise<void> {
    for (const name of names) {
      await untilOf(this.stages[name], 'has caught up', this.#catchUpMsMax, async () => {
        const partitions = await partitionsOf(this.stages[name]);
        return partitions.length === PARTITIONS && partitions.every(({ lagMs }) => lagMs < 1000);
      });
    }
  }

  async isReady(name: keyof Stages): Promise<boolean> {
    return (await this.#answer(this.stages[name])).status === 200;
  }

  async isUnready(name: keyof Stages): Promise<void> {
    must(!(await this.isReady(name)), `the ${name} says it is not ready`);
  }

  get partitions(): number {
    return PARTITIONS;
  }

  get #catchUpMsMax(): number {
    return this.settings.outageMs + this.settings.soonMsMax;
  }

  /** All that was sent is there once; the very processes that were there at first still are. */
  async finish(): Promise<OutageOutcome> {
    const { world } = this;
    const sent = await this.load.stop();
    await world.connectStoreAgain();
    const account = await accountForPaced(world, [sent], this.#catchUpMsMax);
    for (const stage of Object.values(this.stages)) {
      must(await isAlive(stage), `the ${stage.stage} is the one that was there at first`);
      const code = await world.stop(stage);
      must(code === 0, `the ${stage.stage} ended with ${code}:\n${stage.output().slice(-5000)}`);
    }
    return { sent, ...account };
  }

  /** Ends the processes, whatever was not acknowledged. */
  async end(): Promise<void> {
    await this.#load?.abandon();
    await this.world.end();
  }
}

export interface OutageOutcome {
  readonly sent: PacedSamples;
  /** Whatever is not as it must be. */
  readonly faults: readonly string[];
  readonly counts: OnceCounts;
}

export type OutageRunParams = Readonly<{
  services: OwnServices;
  settings: OutageSettings;
  /** Told how it goes, now and then. */
  say?: (text: string) => void;
  /** Ends it before its time. */
  isStopping?: () => boolean;
}>;

export function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`not so: ${what}`);
}
