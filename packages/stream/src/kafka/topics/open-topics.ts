import { errorText, type Clock, type Log } from '@millrace/runtime';
import { STREAM_CODES, StreamError } from '../../stream-error.ts';
import { partitionsOf, TOPIC_EVENTS, TOPICS, type Topic } from '../../stream.ts';
import type { KafkaCluster } from '../client/kafka-cluster.ts';
import {
  isPassing,
  KafkaAnswerError,
  topicMissing,
  translateKafkaError,
} from '../client/kafka-errors.ts';
import type { KafkaSettings } from '../client/kafka-settings.ts';
import { LATEST, listOffsets, type LedPartition } from '../read/partition-offsets.ts';
import { KafkaCode, type ClusterMetadata } from '../client/protocol.ts';
import {
  checkConfigs,
  describeTopics,
  findWeakness,
  neededConfigs,
  WEAKENING_CONFIGS,
} from './topic-configs.ts';

/** A topic that was just made is not known to every broker at once. */
const MISSING_MS_MAX = 2_000;
const RETRY_MS = 200;

const WEAK =
  'What is acknowledged may be lost with one machine: set this of the topic with kafka-configs.';

/** What opening found. */
export interface OpenedTopics {
  /** P. */
  readonly partitions: number;
  /** Of each partition, the end at this time. */
  readonly ends: readonly Readonly<{ topic: Topic; partition: number; end: number }>[];
}

/**
 * Looks at the topics until they are as they must be; waits for brokers that are away, and not for
 * what only a person can change.
 */
export async function openTopics(params: OpenTopicsParams): Promise<OpenedTopics> {
  const { cluster, clock, settings, signal } = params;
  const startMs = performance.now();
  for (;;) {
    signal?.throwIfAborted();
    try {
      return await lookAtTopics(params);
    } catch (error) {
      const spentMs = performance.now() - startMs;
      const isMissing = error instanceof MissingTopics;
      const mayPass = isMissing ? spentMs < MISSING_MS_MAX : isPassing(error);
      if (!mayPass || spentMs >= settings.openMs) throw couldNotOpen(cluster, error);
    }
    await clock.sleep(RETRY_MS, signal);
  }
}

class MissingTopics extends Error {
  readonly topics: readonly string[];

  constructor(topics: readonly string[]) {
    super(`there is no topic ${topics.join(', ')}`);
    this.topics = topics;
  }
}

function couldNotOpen(cluster: KafkaCluster, error: unknown): StreamError {
  if (error instanceof MissingTopics) return topicMissing(error.topics);
  return translateKafkaError(error, {
    where: `Kafka at ${cluster.brokers.join(',')}`,
    doing: 'open the log',
    effect: 'Nothing was opened or changed.',
    isFinal: true,
  });
}

async function lookAtTopics(params: OpenTopicsParams): Promise<OpenedTopics> {
  const { cluster } = params;
  const metadata = await cluster.refresh();
  const { lacking } = await cluster.anyLink();
  if (lacking !== undefined) throw brokerTooOld(cluster, lacking);
  checkPresent(cluster, metadata);
  const partitions = checkPartitions(cluster, metadata, params.partitions);
  await checkTopicConfigs(params, metadata);
  cluster.pinTopics(metadata);
  return { partitions, ends: await findEnds(params, partitions) };
}

function checkPresent(cluster: KafkaCluster, { topics }: ClusterMetadata): void {
  const names = Object.values(cluster.topics);
  for (const name of names) {
    const error = topics.get(name)?.error ?? KafkaCode.unknownTopic;
    if (error !== KafkaCode.none && error !== KafkaCode.unknownTopic) {
      throw new KafkaAnswerError(error);
    }
  }
  const missing = names.filter((name) => topics.get(name)?.error !== KafkaCode.none);
  if (missing.length > 0) throw new MissingTopics(missing);
}

/** @throws StreamError STREAM_PARTITIONS. */
function checkPartitions(
  cluster: KafkaCluster,
  { topics }: ClusterMetadata,
  wanted: number | undefined,
): number {
  const countOf = (topic: Topic): number => topics.get(cluster.topics[topic])!.leaders.length;
  const partitions = wanted ?? countOf(TOPIC_EVENTS);
  const wrong = TOPICS.filter((topic) => countOf(topic) !== partitionsOf(topic, partitions));
  if (wrong.length === 0) return partitions;
  const found = TOPICS.map((topic) => `${cluster.topics[topic]} has ${countOf(topic)}`).join(', ');
  throw new StreamError({
    code: STREAM_CODES.partitions,
    message:
      `The partitions of the log do not fit (${found}; P is ${partitions}): a series would ` +
      'continue in another partition. Nothing was changed.',
    remedy:
      'The number of partitions of a log is never changed. Put the topics back as they were, ' +
      'or use another topic prefix and run "millrace setup".',
  });
}

async function checkTopicConfigs(
  params: OpenTopicsParams,
  { topics }: ClusterMetadata,
): Promise<void> {
  const { cluster, settings, log } = params;
  try {
    const found = await describeTopics(await cluster.anyLink(), {
      topics: Object.values(cluster.topics),
      names: [...Object.keys(neededConfigs(settings)), ...WEAKENING_CONFIGS],
      msMax: settings.requestMs,
    });
    checkConfigs(found, settings);
    for (const [topic, configs] of found) {
      const why = findWeakness(configs, topics.get(topic)!.replicas);
      if (why !== undefined) log.warn({ topic, why }, WEAK);
    }
  } catch (error) {
    const isForbidden = translateKafkaError(error, {
      ...{ where: '', doing: '', effect: '', isFinal: true },
    });
    if (isForbidden.code !== STREAM_CODES.forbidden) throw error;
    // Whoever may read and write need not be allowed to look at configurations.
    log.warn({ error: errorText(error) }, 'The configuration of the topics could not be checked.');
  }
}

async function findEnds(
  { cluster, settings }: OpenTopicsParams,
  partitions: number,
): Promise<OpenedTopics['ends']> {
  const found = TOPICS.map(async (topic) => {
    const byLeader = new Map<number, LedPartition[]>();
    for (let partition = 0; partition < partitionsOf(topic, partitions); partition += 1) {
      const leader = cluster.leaderOf(topic, partition);
      if (leader === undefined) throw new Error(`${topic}/${partition} has no leader now`);
      const led = { partition, leaderEpoch: cluster.leaderEpochOf(topic, partition) };
      byLeader.set(leader, [...(byLeader.get(leader) ?? []), led]);
    }
    const asked = [...byLeader].map(async ([leader, ofLeader]) => {
      const link = await cluster.link(leader, 'ask');
      const name = cluster.topics[topic];
      const how = { topic: name, partitions: ofLeader, at: LATEST, msMax: settings.requestMs };
      return [...(await listOffsets(link, how))];
    });
    const ends = (await Promise.all(asked)).flat();
    return ends.map(([partition, end]) => ({ topic, partition, end }));
  });
  return (await Promise.all(found)).flat();
}

function brokerTooOld(cluster: KafkaCluster, lacking: string): StreamError {
  return new StreamError({
    code: STREAM_CODES.version,
    message:
      `A broker of ${cluster.brokers.join(',')} does not know ${lacking} of Kafka's protocol. ` +
      'Nothing was opened.',
    remedy: 'Use Kafka 3.9 or newer.',
  });
}

export type OpenTopicsParams = Readonly<{
  cluster: KafkaCluster;
  /** P that is expected; left out: as the topics have it. */
  partitions: number | undefined;
  clock: Clock;
  log: Log;
  settings: KafkaSettings;
  signal: AbortSignal | undefined;
}>;
