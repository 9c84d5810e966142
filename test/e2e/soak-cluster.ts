import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DistributedWorld } from '../services/distributed-world.ts';
import { KafkaTopicsOperator } from '../services/kafka-topics.ts';
import type { OwnServices } from '../services/own-services.ts';
import { partitionsOf, untilOf, untilReadyAgain } from '../services/stage-health.ts';
import { untilReady, type StageName, type StageProcess } from '../services/stage-processes.ts';

export const SOAK_BROKERS = 3;
/** Processes of each stage; senders know the only receiver by its port. */
export const SOAK_STAGES: Readonly<Record<StageName, number>> = {
  receiver: 1,
  transformer: 2,
  writer: 2,
};
/** A process that is silent for so long has lost its partitions. */
export const SESSION_MS = 6000;

const PARTITIONS = 6;
const READY_MS_MAX = 120_000;
const ENVIRONMENT = { MILLRACE_KAFKA__SESSION_MS: `${SESSION_MS}ms` };

/** Every stage as processes on services that may be hurt. */
export class SoakCluster {
  readonly services: OwnServices;
  readonly world: DistributedWorld;
  readonly #stages: Record<StageName, StageProcess[]>;

  private constructor(services: OwnServices, world: DistributedWorld) {
    this.services = services;
    this.world = world;
    this.#stages = { receiver: [], transformer: [], writer: [] };
  }

  static async start(services: OwnServices): Promise<SoakCluster> {
    const world = await DistributedWorld.make(services.urls, { partitions: PARTITIONS });
    const cluster = new SoakCluster(services, world);
    for (const [stage, count] of Object.entries(SOAK_STAGES) as [StageName, number][]) {
      const begun = Array.from({ length: count }, () => world.start(stage, ENVIRONMENT));
      cluster.#stages[stage] = await Promise.all(begun);
    }
    return cluster;
  }

  get receiverUrl(): string {
    return this.#stages.receiver[0]!.url;
  }

  /** SIGKILL; another one in its place when `down` is over. */
  async kill(stage: StageName, index: number, down: () => Promise<void>): Promise<void> {
    const killed = this.#stages[stage][index]!;
    await this.world.kill(killed);
    await down();
    this.#stages[stage][index] = await this.world.spawn(stage, ENVIRONMENT, killed.port);
  }

  /** SIGSTOP, and after that as if nothing had been. */
  async suspend(stage: StageName, index: number, meanwhile: () => Promise<void>): Promise<void> {
    const { child } = this.#stages[stage][index]!;
    child.kill('SIGSTOP');
    try {
      await meanwhile();
    } finally {
      child.kill('SIGCONT');
    }
  }

  /** One more of the stage for a while, which then leaves in good order. */
  async join(stage: StageName, meanwhile: () => Promise<void>): Promise<void> {
    const joined = await this.world.spawn(stage, ENVIRONMENT);
    await meanwhile();
    const code = await this.world.stop(joined);
    if (code !== 0) throw new Error(`a ${stage} that left ended with ${code}:\n${joined.output()}`);
  }

  /** A clean stop and another start. */
  async stopAndStart(stage: StageName, index: number): Promise<void> {
    const stopped = this.#stages[stage][index]!;
    const code = await this.world.stop(stopped);
    this.#stages[stage][index] = await this.world.spawn(stage, ENVIRONMENT, stopped.port);
    if (code !== 0) throw new Error(`the ${stage} stopped with ${code}:\n${stopped.output()}`);
  }

  /** Everybody is there and works; nobody has died by himself. */
  async untilHealthy(): Promise<void> {
    const all = Object.values(this.#stages).flat();
    for (const stage of all) await untilReady(stage);
    for (const stage of all) await untilReadyAgain(stage, READY_MS_MAX);
    for (const name of ['transformer', 'writer'] as const) {
      const [first, ...others] = this.#stages[name];
      await untilOf(first!, 'and its likes share all partitions', READY_MS_MAX, async () => {
        const owned = await Promise.all([first!, ...others].map((one) => partitionsOf(one)));
        return owned.flat().length === PARTITIONS;
      });
    }
    await this.world.connectStoreAgain();
  }

  async remove(): Promise<void> {
    await this.world.remove();
    const topicPrefix = this.world.environment['MILLRACE_KAFKA__TOPIC_PREFIX']!;
    await new KafkaTopicsOperator({ url: this.services.urls.kafka, topicPrefix }).remove();
  }

  /** Writes what every process ever said into a directory, which stays; its path. */
  async saveOutputs(): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'millrace-soak-'));
    for (const [i, { stage, pid, output }] of this.world.everyProcess.entries()) {
      const name = `${String(i).padStart(3, '0')}-${stage}-${pid}.log`;
      await writeFile(join(directory, name), output());
    }
    for (const node of this.services.kafka.nodes) {
      const name = `kafka-${node.address.replace(':', '-')}.log`;
      await writeFile(join(directory, name), node.output());
    }
    return directory;
  }
}
