/** How many nodes a cluster of tests may have. */
export const NODES_MAX = 3;

export interface NodePorts {
  readonly broker: number;
  readonly controller: number;
}

/**
 * `server.properties` of one node that is broker and controller in one, as a small real deployment
 * has it: what is not said here is Kafka's default. `ports` has one entry for each node.
 */
export function describeNode(
  params: Readonly<{
    /** From 1. */
    node: number;
    data: string;
    ports: readonly NodePorts[];
    /** Over ours; `{broker}` and `{controller}` in them are the ports of the node. */
    settings: Readonly<Record<string, string>>;
  }>,
): string {
  const { node, data, ports, settings } = params;
  const own = ports[node - 1]!;
  const copies = `${Math.min(3, ports.length)}`;
  const inSync = ports.length >= 3 ? '2' : '1';
  const properties: Record<string, string> = {
    'process.roles': 'broker,controller',
    'node.id': `${node}`,
    'controller.quorum.voters': ports
      .map(({ controller }, index) => `${index + 1}@127.0.0.1:${controller}`)
      .join(','),
    listeners: `BROKER://127.0.0.1:${own.broker},CONTROLLER://127.0.0.1:${own.controller}`,
    'advertised.listeners': `BROKER://127.0.0.1:${own.broker}`,
    'listener.security.protocol.map': 'BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'BROKER',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': data,
    'auto.create.topics.enable': 'false',
    'default.replication.factor': copies,
    'min.insync.replicas': inSync,
    'offsets.topic.replication.factor': copies,
    'transaction.state.log.replication.factor': copies,
    'transaction.state.log.min.isr': inSync,
    'share.coordinator.state.topic.replication.factor': copies,
    'share.coordinator.state.topic.min.isr': inSync,
    // A member that joins or leaves in a test should not wait for others to follow.
    'group.initial.rebalance.delay.ms': '0',
    // After a kill -9 a node may register again only when its last session is over (9 s else).
    'broker.session.timeout.ms': '2000',
    'broker.heartbeat.interval.ms': '500',
    // Two cores, and few partitions: these tests make many topics.
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.num.partitions': '2',
    'num.network.threads': '2',
    'num.io.threads': '4',
    'background.threads': '2',
    'log.cleaner.dedupe.buffer.size': `${8 * 1024 * 1024}`,
    ...settings,
  };
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
    .replaceAll('{broker}', `${own.broker}`)
    .replaceAll('{controller}', `${own.controller}`);
}
