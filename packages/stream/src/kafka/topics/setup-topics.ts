import { systemClock, type Log } from '@millrace/runtime';
import { STREAM_CODES, StreamError } from '../../stream-error.ts';
import { partitionsOf, TOPICS, type Topic } from '../../stream.ts';
import { createKafkaClient } from '../client/kafka-client.ts';
import { KafkaCluster } from '../client/kafka-cluster.ts';
import { KafkaAnswerError, translateKafkaError } from '../client/kafka-errors.ts';
import {
  DEFAULT_KAFKA_PARTITIONS,
  DEFAULT_KAFKA_SETTINGS,
  type KafkaConnection,
  type KafkaSettings,
} from '../client/kafka-settings.ts';
import { kafkaTopics } from '../client/kafka-topics.ts';
import { KafkaCode, type ClusterMetadata } from '../client/protocol.ts';
import {
  alterTopic,
  describeTopics,
  differingConfigs,
  firstConfigs,
  neededConfigs,
  type TopicConfigs,
} from './topic-configs.ts';

const LOOK_MS = 50;

/** One thing that was done, or with `planOnly` would be; nothing, for a topic that is right. */
export interface TopicChange {
  readonly topic: string;
  readonly action: 'create' | 'change' | 'keep';
  readonly partitions: number;
  readonly replicas: number;
  /** What is set: all of a new topic, of another one what it has otherwise. */
  readonly configs: TopicConfigs;
}

export type SetupTopicsParams = Readonly<{
  connection: KafkaConnection;
  topicPrefix?: string;
  /** P. Left out: that of topics that are there, else 12. */
  partitions?: number;
  /** Left out: 3, or as many as there are brokers. Of new topics only. */
  replicationFactor?: number;
  settings?: Partial<KafkaSettings>;
  planOnly?: boolean;
  log: Log;
}>;

/**
 * Makes the topics and sets what they need. Repeating it changes nothing; a number of partitions
 * is never changed, nor is anything deleted.
 *
 * @throws StreamError STREAM_PARTITIONS, STREAM_FORBIDDEN (permanent), STREAM_UNREACHABLE,
 *   STREAM_BROKEN (transient).
 */
export async function setupKafkaTopics(params: SetupTopicsParams): Promise<readonly TopicChange[]> {
  const settings = { ...DEFAULT_KAFKA_SETTINGS, ...params.settings };
  const { connection, log } = params;
  const topics = kafkaTopics(params.topicPrefix);
  const sleep = (ms: number): Promise<void> => systemClock.sleep(ms);
  const cluster = new KafkaCluster({ connection, topics, log, sleep, settings });
  try {
    const changes = await planChanges(cluster, params, settings);
    if (params.planOnly !== true) await makeChanges(cluster, params, settings, changes);
    return changes;
  } catch (error) {
    throw translateKafkaError(error, {
      where: `Kafka at ${connection.brokers.join(',')}`,
      doing: 'set up the topics',
      effect: 'What was done so far stays; it can be repeated.',
      isFinal: true,
    });
  } finally {
    cluster.close();
  }
}

async function planChanges(
  cluster: KafkaCluster,
  params: SetupTopicsParams,
  settings: KafkaSettings,
): Promise<readonly TopicChange[]> {
  const metadata = await cluster.refresh();
  const present = presentTopics(cluster, metadata);
  const partitions = choosePartitions(present, params.partitions);
  const needed = neededConfigs(settings);
  const found = await describeTopics(await cluster.anyLink(), {
    topics: [...present.keys()].map((topic) => cluster.topics[topic]),
    names: Object.keys(needed),
    msMax: settings.requestMs,
  });
  return TOPICS.map((topic) => {
    const name = cluster.topics[topic];
    const configs = found.get(name);
    if (configs === undefined) {
      const replicas = params.replicationFactor ?? Math.min(3, metadata.nodes.size);
      return {
        ...{ topic: name, action: 'create', partitions: partitionsOf(topic, partitions), replicas },
        configs: { ...needed, ...firstConfigs(replicas) },
      };
    }
    const { replicas, leaders } = present.get(topic)!;
    const differing = differingConfigs(configs, needed);
    const action = Object.keys(differing).length === 0 ? 'keep' : 'change';
    return { topic: name, action, partitions: leaders.length, replicas, configs: differing };
  });
}

type PresentTopics = ReadonlyMap<Topic, Readonly<{ replicas: number; leaders: readonly number[] }>>;

function presentTopics(cluster: KafkaCluster, { topics }: ClusterMetadata): PresentTopics {
  const present = new Map<Topic, { replicas: number; leaders: readonly number[] }>();
  for (const topic of TOPICS) {
    const found = topics.get(cluster.topics[topic]);
    if (found === undefined || found.error === KafkaCode.unknownTopic) continue;
    if (found.error !== KafkaCode.none) throw new KafkaAnswerError(found.error);
    present.set(topic, found);
  }
  return present;
}

/** @throws StreamError STREAM_PARTITIONS: that of a topic is never changed. */
function choosePartitions(present: PresentTopics, wanted: number | undefined): number {
  const shared = [...present].filter(([topic]) => partitionsOf(topic, 2) === 2);
  const partitions = wanted ?? shared[0]?.[1].leaders.length ?? DEFAULT_KAFKA_PARTITIONS;
  for (const [topic, { leaders }] of present) {
    if (leaders.length === partitionsOf(topic, partitions)) continue;
    throw new StreamError({
      code: STREAM_CODES.partitions,
      message:
        `The topic of ${topic} has ${leaders.length} partitions and would need ` +
        `${partitionsOf(topic, partitions)}: a series would continue in another partition. ` +
        'Nothing was changed.',
      remedy:
        'Leave MILLRACE_PARTITIONS out or set it to what the topics were made with, or use ' +
        'another topic prefix: that is another log.',
    });
  }
  return partitions;
}

async function makeChanges(
  cluster: KafkaCluster,
  params: SetupTopicsParams,
  settings: KafkaSettings,
  changes: readonly TopicChange[],
): Promise<void> {
  const created = changes.filter(({ action }) => action === 'create');
  if (created.length > 0) {
    await createTopics(params, settings, created);
    await untilLed(cluster, settings, created);
  }
  const changed = changes.filter(({ action }) => action === 'change');
  for (const { topic, configs } of changed) {
    await alterTopic(await cluster.anyLink(), { topic, configs, msMax: settings.requestMs });
  }
  await untilTold(cluster, settings, changed);
}

async function createTopics(
  { connection, log }: SetupTopicsParams,
  settings: KafkaSettings,
  created: readonly TopicChange[],
): Promise<void> {
  const admin = createKafkaClient({ connection, log, settings, retries: 5 }).admin();
  await admin.connect();
  try {
    // Topics that somebody else makes at the same time are left as they are.
    await admin.createTopics({
      // Its way of waiting fails while a broker does not know the topic yet.
      waitForLeaders: false,
      timeout: settings.openMs,
      topics: created.map(({ topic, partitions, replicas, configs }) => ({
        topic,
        numPartitions: partitions,
        replicationFactor: replicas,
        configEntries: Object.entries(configs).map(([name, value]) => ({ name, value })),
      })),
    });
  } finally {
    await admin.disconnect();
  }
}

/** A broker tells what was changed a moment later; stages that start meanwhile would be refused. */
async function untilTold(
  cluster: KafkaCluster,
  { openMs, requestMs }: KafkaSettings,
  changed: readonly TopicChange[],
): Promise<void> {
  if (changed.length === 0) return;
  const topics = changed.map(({ topic }) => topic);
  const names = [...new Set(changed.flatMap(({ configs }) => Object.keys(configs)))];
  const deadlineMs = performance.now() + openMs;
  for (;;) {
    const asked = { topics, names, msMax: requestMs };
    const found = await describeTopics(await cluster.anyLink(), asked);
    const isTold = ({ topic, configs }: TopicChange): boolean =>
      Object.keys(differingConfigs(found.get(topic) ?? {}, configs)).length === 0;
    if (changed.every(isTold)) return;
    if (performance.now() > deadlineMs) {
      throw new Error('the topics were changed, and their brokers do not say so yet');
    }
    await systemClock.sleep(LOOK_MS);
  }
}

/** Every partition of the new topics has a leader. */
async function untilLed(
  cluster: KafkaCluster,
  { openMs }: KafkaSettings,
  created: readonly TopicChange[],
): Promise<void> {
  const deadlineMs = performance.now() + openMs;
  for (;;) {
    const { topics } = await cluster.refresh();
    const leaders = created.map(({ topic }) => topics.get(topic)?.leaders ?? []);
    if (leaders.every((of) => of.length > 0 && of.every((leader) => leader >= 0))) return;
    if (performance.now() > deadlineMs) {
      throw new Error('the topics were made, and their partitions have no leaders yet');
    }
  }
}
