import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startServiceProcess, type ServiceProcess } from '@millrace/runtime/testing';
import type { KafkaProgram } from './kafka-program.ts';
import { describeNode, type NodePorts } from './node-properties.ts';

/** One process of a Kafka of our own. */
export class KafkaNode {
  readonly address: string;
  readonly #params: KafkaNodeParams;
  #process: ServiceProcess | undefined;

  constructor(params: KafkaNodeParams) {
    this.#params = params;
    this.address = `127.0.0.1:${params.ports[params.node - 1]!.broker}`;
  }

  get pid(): number | undefined {
    return this.#process?.hasEnded === false ? this.#process.pid : undefined;
  }

  /** Starts it unless it runs; it does not serve yet when this resolves. */
  async start(): Promise<ServiceProcess> {
    if (this.#process?.hasEnded === false) return this.#process;
    const { program, node, directory, ports, settings, heapMb } = this.#params;
    const data = join(directory, `node-${node}`);
    if (!existsSync(data)) await program.copyFormatted(node, data);
    const properties = join(directory, `node-${node}.properties`);
    await writeFile(properties, describeNode({ node, data, ports, settings }));
    this.#process = await startServiceProcess({
      file: program.java,
      args: [
        `-Xmx${heapMb}m`,
        // A test's broker lives for seconds: the better compiler would only take the cores.
        '-XX:TieredStopAtLevel=1',
        '-XX:+UseSerialGC',
        '-Xshare:auto',
        ...program.logArgs,
        ...['-cp', program.classPath, 'kafka.Kafka', properties],
      ],
      temporary: directory,
    });
    return this.#process;
  }

  /** What it printed lately. */
  output(): string {
    return this.#process?.output() ?? '';
  }

  async stop(): Promise<void> {
    this.resume();
    await this.#process?.stop();
  }

  /** SIGKILL, also while it is paused. */
  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  pause(): void {
    this.#signal('SIGSTOP');
  }

  resume(): void {
    this.#signal('SIGCONT');
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.pid !== undefined) process.kill(this.pid, signal);
  }
}

export type KafkaNodeParams = Readonly<{
  program: KafkaProgram;
  /** From 1. */
  node: number;
  directory: string;
  ports: readonly NodePorts[];
  settings: Readonly<Record<string, string>>;
  heapMb: number;
}>;
