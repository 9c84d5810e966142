import { planRules, readHistory, completeChange } from '@millrace/control';
import { MillraceError, systemClock, type Log } from '@millrace/runtime';
import { readRuleFile, type RuleFileContent } from '@millrace/single/running';
import { acceptPartitions, beginLog, type AcceptedPartition } from '@millrace/single/setup';
import { openRedisStateStore } from '@millrace/state/redis';
import { createPostgresStoreReader } from '@millrace/store/postgres';
import {
  createTimescaleStore,
  describeConnection,
  migrateTimescale,
  type MigrateResult,
} from '@millrace/store/timescale';
import { TOPIC_EVENTS, TOPIC_SERIES, type Stream } from '@millrace/stream';
import {
  createKafkaClient,
  DEFAULT_KAFKA_SETTINGS,
  kafkaConnectionOf,
  kafkaTopics,
  openKafkaStream,
  setupKafkaTopics,
  type TopicChange,
} from '@millrace/stream/kafka';
import type { DistributedSettings } from './distributed-settings.ts';

/** What `millrace setup` did, or with a plan would do. */
export interface SetupReport {
  plan: boolean;
  topics: readonly TopicChange[];
  log: {
    /** Partitions that had no log id and first rules yet. */
    begun: number[];
    /** Names of rules that came into force, or would; undefined: they stay as they are. */
    rules: string[] | undefined;
  };
  /** Undefined: no database was named. */
  store: Pick<MigrateResult, 'layout' | 'reason' | 'steps'> | undefined;
  /** Only when it was asked for. */
  accepted?: readonly AcceptedPartition[];
}

interface SetupParts {
  settings: DistributedSettings;
  log: Log;
  isPlan: boolean;
  acceptsNewLog: boolean;
}

const NAME = 'millrace-setup';

/**
 * Makes all that the stages need and none of them makes: topics, the log's ids and first rules,
 * the tables. What is there already is left as it is, so it can be repeated, and run twice at
 * once. With `isPlan` nothing is changed.
 *
 * @throws MillraceError what the services throw; what was done until then stays.
 */
export async function setUpDistributed(parts: SetupParts): Promise<SetupReport> {
  const { settings, log, isPlan } = parts;
  const { kafka, config, store } = settings;
  // What cannot be used is told before anything is made.
  if (store.url !== undefined) describeConnection({ url: store.url });
  const rules = await readRuleFile({ config, cwd: process.cwd() });
  const { topicPrefix, retentionMs } = kafka;
  const connection = kafkaConnectionOf(kafka, NAME);
  const topics = await setupKafkaTopics({
    connection,
    topicPrefix,
    ...(settings.partitions === undefined ? {} : { partitions: settings.partitions }),
    ...(settings.replicas === undefined ? {} : { replicationFactor: settings.replicas }),
    settings: { retentionMs },
    planOnly: isPlan,
    log,
  });
  const report: SetupReport = {
    plan: isPlan,
    topics,
    log: { begun: [], rules: undefined },
    store: undefined,
  };
  const isMissing = isPlan && topics.some(({ action }) => action === 'create');
  if (isMissing) {
    const events = topics.find(({ topic }) => topic === kafkaTopics(topicPrefix)[TOPIC_EVENTS]);
    const begun = Array.from({ length: events?.partitions ?? 0 }, (_, partition) => partition);
    report.log = { begun, rules: namesOf(rules) };
  } else {
    const stream = await openKafkaStream({ connection, topicPrefix, clock: systemClock, log });
    try {
      report.log = await setUpLog(parts, stream, rules);
      report.store = await setUpStore(parts);
      if (parts.acceptsNewLog) report.accepted = await acceptNewLog(parts, stream);
    } finally {
      await stream.close();
    }
  }
  report.store ??= await setUpStore(parts);
  return report;
}

async function setUpLog(
  { log, isPlan }: SetupParts,
  stream: Stream,
  rules: RuleFileContent | undefined,
): Promise<SetupReport['log']> {
  const begun: number[] = [];
  for (let partition = 0; partition < stream.partitions; partition += 1) {
    // The log's id, then the first rules.
    if ((await stream.bounds(TOPIC_EVENTS, partition)).end < 2) begun.push(partition);
  }
  const changed = await changedRules(stream, rules);
  if (!isPlan) await beginLog({ stream, clock: systemClock, log }, rules);
  return { begun, rules: changed };
}

/** Undefined: the rules in force are those that are wanted. */
async function changedRules(
  stream: Stream,
  rules: RuleFileContent | undefined,
): Promise<string[] | undefined> {
  const inForce = (await readHistory(stream)).newest;
  if (inForce === undefined) return namesOf(rules);
  if (rules === undefined) return undefined;
  const { rules: wanted, source } = rules;
  const plan = planRules(inForce, completeChange({ rules: wanted, source }, inForce));
  return plan.isChanged ? namesOf(rules) : undefined;
}

function namesOf(rules: RuleFileContent | undefined): string[] {
  return (rules?.rules.rules ?? []).map(({ name }) => name);
}

async function setUpStore({ settings, log, isPlan }: SetupParts): Promise<SetupReport['store']> {
  const { url, hypertables } = settings.store;
  if (url === undefined) return undefined;
  return await migrateTimescale({ connection: { url }, log, isPlan, hypertables });
}

async function acceptNewLog(
  { settings, log, isPlan }: SetupParts,
  stream: Stream,
): Promise<readonly AcceptedPartition[]> {
  const { redis, store: section, kafka } = settings;
  if (redis.url === undefined || section.url === undefined) throw bothNeeded();
  const state = openRedisStateStore({ url: redis.url, keyPrefix: redis.keyPrefix, log });
  const connection = { url: section.url };
  const store = createTimescaleStore({ connection, log });
  const reader = createPostgresStoreReader({ connection });
  try {
    // Reads the ids; what there was to begin is begun.
    const logIds = isPlan
      ? await readIds(stream)
      : await beginLog({ stream, clock: systemClock, log }, undefined);
    const accepted = await acceptPartitions({ stream, state, store, reader, logIds, isPlan });
    for (const { partition, isFoldedAgain } of accepted) {
      // Nothing of it is stored, since the store had not accepted this log.
      if (isFoldedAgain) await removeSeries(kafka, partition, log);
    }
    return accepted;
  } finally {
    await state.close();
    await store.close();
    await reader.close();
  }
}

async function readIds(stream: Stream): Promise<(string | undefined)[]> {
  const { readLogIds } = await import('@millrace/receiver');
  return await readLogIds(stream);
}

/** What was put out under a log number that belongs to another log. */
async function removeSeries(
  kafka: DistributedSettings['kafka'],
  partition: number,
  log: Log,
): Promise<void> {
  const connection = kafkaConnectionOf(kafka, NAME);
  const params = { connection, log, settings: DEFAULT_KAFKA_SETTINGS, retries: 5 };
  const admin = createKafkaClient(params).admin();
  await admin.connect();
  try {
    const topic = kafkaTopics(kafka.topicPrefix)[TOPIC_SERIES];
    // kafkajs finds the leaders only of topics that it was asked about before.
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: '-1' }] });
  } finally {
    await admin.disconnect();
  }
}

function bothNeeded(): MillraceError {
  return new MillraceError({
    code: 'SETTING_ACCEPT_NEW_LOG',
    kind: 'permanent',
    message:
      'To accept a new log, state and store have to be told of it, and not both were named. ' +
      'Nothing was changed in them.',
    remedy: 'Set REDIS_URL and DATABASE_URL, stop all transformers and writers, and try again.',
  });
}
