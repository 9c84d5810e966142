import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, isMissing, type MissingService } from '@millrace/runtime/testing';
import { KafkaNode } from './kafka-node.ts';
import { findKafka } from './kafka-program.ts';
import { NODES_MAX } from './node-properties.ts';
import { untilServes } from './until-serves.ts';

/** A real Kafka for tests: everything it holds is theirs. */
export interface KafkaBroker {
  /** `host:port` of each broker, separated by commas. */
  readonly url: string;
  readonly brokers: readonly string[];
  /** Of the first node; undefined when it is that of KAFKA_BROKERS: then only `stop` works. */
  readonly pid: number | undefined;
  /** Where its nodes have `node-N` with their data; '' when it is that of KAFKA_BROKERS. */
  readonly directory: string;
  /** One, unless more were asked for. */
  readonly nodes: readonly KafkaNode[];
  /** Ends it and removes its data. */
  stop(): Promise<void>;
  /** SIGKILL to all nodes; the data stays for `restart`. */
  kill(): Promise<void>;
  /** Starts what is not running, on the same ports and with its data; resolves when it serves. */
  restart(): Promise<void>;
  /** SIGSTOP to all nodes: connections stay, nobody answers. */
  pause(): void;
  resume(): void;
}

/**
 * Starts a Kafka of one node (or `nodes`: up to 3) in KRaft mode on free ports of 127.0.0.1. Uses
 * that of KAFKA_BROKERS instead when there is one, unless it has to be `own`, to be hurt.
 * `settings` go over those of server.properties; `heapMb` is the -Xmx of each node. `port` is that
 * of the first node, for who has to know it before.
 */
export async function startKafkaBroker(
  params: Readonly<{
    own?: boolean;
    nodes?: number;
    heapMb?: number;
    port?: number;
    settings?: Readonly<Record<string, string>>;
  }> = {},
): Promise<KafkaBroker | MissingService> {
  const { own = false, nodes = 1, heapMb = 512, port, settings = {} } = params;
  const url = process.env['KAFKA_BROKERS'];
  if (!own && nodes === 1 && url !== undefined && url !== '') return brokerOfEnvironment(url);
  if (nodes > NODES_MAX) throw new Error(`At most ${NODES_MAX} nodes, not ${nodes}.`);
  const program = await findKafka();
  if (isMissing(program)) return program;
  const directory = await mkdtemp(join(tmpdir(), 'millrace-kafka-'));
  const ports = await Promise.all(
    Array.from({ length: nodes }, async (_, node) => ({
      broker: node === 0 && port !== undefined ? port : await freePort(),
      controller: await freePort(),
    })),
  );
  const started = ports.map(
    (_, index) => new KafkaNode({ program, node: index + 1, directory, ports, settings, heapMb }),
  );
  const cluster = new OwnKafka(directory, started);
  try {
    await cluster.restart();
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

function brokerOfEnvironment(url: string): KafkaBroker {
  const refuse = (): never => {
    throw new Error('This Kafka is not ours to hurt: start one with `own`.');
  };
  return {
    url,
    brokers: url.split(','),
    pid: undefined,
    directory: '',
    nodes: [],
    stop: async () => undefined,
    kill: async () => refuse(),
    restart: async () => refuse(),
    pause: refuse,
    resume: refuse,
  };
}

class OwnKafka implements KafkaBroker {
  readonly brokers: readonly string[];
  readonly url: string;
  readonly nodes: readonly KafkaNode[];
  readonly directory: string;

  constructor(directory: string, nodes: readonly KafkaNode[]) {
    this.directory = directory;
    this.nodes = nodes;
    this.brokers = nodes.map(({ address }) => address);
    this.url = this.brokers.join(',');
  }

  get pid(): number | undefined {
    return this.nodes[0]?.pid;
  }

  async restart(): Promise<void> {
    // All at once: none of them serves before most of the controllers are there.
    const running = await Promise.all(this.nodes.map((node) => node.start()));
    await Promise.all(
      this.nodes.map((node, index) => untilServes(node, running[index]!, this.nodes.length)),
    );
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
    await rm(this.directory, { recursive: true, force: true });
  }

  async kill(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()));
  }

  pause(): void {
    for (const node of this.nodes) node.pause();
  }

  resume(): void {
    for (const node of this.nodes) node.resume();
  }
}
