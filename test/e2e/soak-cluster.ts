import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTcpProxy, type TcpProxy } from '@millrace/runtime/testing';
import { DistributedWorld } from '../services/distributed-world.ts';
import { KafkaTopicsOperator } from '../services/kafka-topics.ts';
import type { OwnServices } from '../services/own-services.ts';
import { partitionsOf, untilOf, untilReadyAgain } from '../services/stage-health.ts';
import {
  untilReady,
  type Environment,
  type StageName,
  type StageProcess,
} from '../services/stage-processes.ts';

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
const ENVIRONMENT: Environment = { MILLRACE_KAFKA__SESSION_MS: `${SESSION_MS}ms` };

/** Every stage as processes on services that may be hurt. */
export class SoakCluster {
  readonly services: OwnServices;
  readonly world: DistributedWorld;
  /** Between senders and the receiver. */
  readonly senders: TcpProxy;
  /** Between writers and the database. */
  readonly database: TcpProxy;
  readonly #stages: Record<StageName, StageProcess[]>;

  private constructor(params: ClusterParams) {
    ({ services: this.services, world: this.world } = params);
    ({ senders: this.senders, database: this.database } = params);
    this.#stages = { receiver: [], transformer: [], writer: [] };
  }

  static async start(services: OwnServices): Promise<SoakCluster> {
    const world = await DistributedWorld.make(services.urls, { partitions: PARTITIONS });
    const receiver = await world.start('receiver', ENVIRONMENT);
    const senders = await startTcpProxy({ port: receiver.port });
    const database = await startTcpProxy({ port: Number(new URL(services.urls.timescale).port) });
    const cluster = new SoakCluster({ services, world, senders, database });
    cluster.#stages.receiver = [receiver];
    for (const stage of ['transformer', 'writer'] as const) {
      const begun = Array.from({ length: SOAK_STAGES[stage] }, () => {
        return world.start(stage, cluster.#environmentOf(stage));
      });
      cluster.#stages[stage] = await Promise.all(begun);
    }
    return cluster;
  }

  get partitions(): number {
    return PARTITIONS;
  }

  /** Where senders send to. */
  get url(): string {
    return `http://127.0.0.1:${this.senders.port}`;
  }

  get receiver(): StageProcess {
    return this.#stages.receiver[0]!;
  }

  /** How often any process of the stage that runs now said this lately. */
  said(stage: StageName, text: string): number {
    const times = this.#stages[stage].map((one) => one.output().split(text).length - 1);
    return times.reduce((sum, one) => sum + one, 0);
  }

  /** What processes of the stage that run now have counted of a metric. */
  async counted(stage: StageName, metric: string): Promise<number> {
    let sum = 0;
    for (const { url } of this.#stages[stage]) {
      const page = await (await fetch(`${url}/metrics`)).text();
      for (const line of page.split('\n')) {
        if (line.startsWith(`millrace_${metric}`)) sum += Number(line.split(' ').at(-1));
      }
    }
    return sum;
  }

  #environmentOf(stage: StageName): Environment {
    if (stage !== 'writer') return ENVIRONMENT;
    const url = new URL(this.world.environment['DATABASE_URL']!);
    url.port = `${this.database.port}`;
    return { ...ENVIRONMENT, DATABASE_URL: url.href };
  }

  /** SIGKILL; another one in its place when `down` is over. */
  async kill(stage: StageName, index: number, down: () => Promise<void>): Promise<void> {
    const killed = this.#stages[stage][index]!;
    await this.world.kill(killed);
    await down();
    this.#stages[stage][index] = await this.#spawn(stage, killed.port);
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
    const joined = await this.#spawn(stage);
    await meanwhile();
    const code = await this.world.stop(joined);
    if (code !== 0) throw new Error(`a ${stage} that left ended with ${code}:\n${joined.output()}`);
  }

  /** A clean stop and another start. */
  async stopAndStart(stage: StageName, index: number): Promise<void> {
    const stopped = this.#stages[stage][index]!;
    const code = await this.world.stop(stopped);
    this.#stages[stage][index] = await this.#spawn(stage, stopped.port);
    if (code !== 0) throw new Error(`the ${stage} stopped with ${code}:\n${stopped.output()}`);
  }

  async #spawn(stage: StageName, port?: number): Promise<StageProcess> {
    return await this.world.spawn(stage, this.#environmentOf(stage), port);
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

  /** Ends the processes; the services may be gone as well. */
  async end(): Promise<void> {
    await this.world.end();
    await Promise.all([this.senders.close(), this.database.close()]);
  }

  async remove(): Promise<void> {
    await this.world.remove();
    await Promise.all([this.senders.close(), this.database.close()]);
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

type ClusterParams = Pick<SoakCluster, 'services' | 'world' | 'senders' | 'database'>;
