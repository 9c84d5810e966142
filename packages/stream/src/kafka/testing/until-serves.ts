import { untilServing, type ServiceProcess } from '@millrace/runtime/testing';
import { silentLog } from '@millrace/runtime';
import { createKafkaClient } from '../client/kafka-client.ts';
import type { KafkaNode } from './kafka-node.ts';

const START_MS_MAX = 60_000;

/** Polls until the node answers and knows all `nodes` of its cluster. */
export async function untilServes(
  node: KafkaNode,
  running: ServiceProcess,
  nodes: number,
): Promise<void> {
  await untilServing(running, {
    what: `Kafka at ${node.address}`,
    msMax: START_MS_MAX,
    isServing: () => knowsAll(node.address, nodes),
  });
}

async function knowsAll(address: string, nodes: number): Promise<boolean> {
  const kafka = createKafkaClient({
    connection: { brokers: [address], clientId: 'millrace-test' },
    log: silentLog,
    settings: { connectMs: 500, requestMs: 2_000 },
    retries: 0,
  });
  const admin = kafka.admin();
  try {
    await admin.connect();
    const { brokers } = await admin.describeCluster();
    return brokers.length === nodes;
  } catch {
    // Whatever it says before it serves; when that lasts, its own output is shown.
    return false;
  } finally {
    await admin.disconnect();
  }
}
