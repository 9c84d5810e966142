import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KafkaBroker } from '@millrace/stream/kafka/testing';

type KafkaNode = KafkaBroker['nodes'][number];

/**
 * The node that leads the cluster's own log. Nodes write down whom they voted for; whatever a
 * client is told by name of a controller is any broker that is there.
 */
export async function controllerOf({ directory, nodes }: KafkaBroker): Promise<KafkaNode> {
  let newest = { leaderId: -1, leaderEpoch: -1 };
  for (const index of nodes.keys()) {
    const path = join(directory, `node-${index + 1}`, '__cluster_metadata-0', 'quorum-state');
    const state = JSON.parse(await readFile(path, 'utf8')) as typeof newest;
    if (state.leaderId > 0 && state.leaderEpoch > newest.leaderEpoch) newest = state;
  }
  const leader = nodes[newest.leaderId - 1];
  if (leader === undefined) throw new Error(`no node leads: ${JSON.stringify(newest)}`);
  return leader;
}
