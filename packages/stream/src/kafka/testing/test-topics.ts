import { randomUUID } from 'node:crypto';
import { silentLog } from '@millrace/runtime';
import type { Topic } from '../../stream.ts';
import { createKafkaClient } from '../kafka-client.ts';
import { DEFAULT_KAFKA_SETTINGS, type KafkaConnection } from '../kafka-settings.ts';
import { kafkaTopics } from '../kafka-stream.ts';
import { setupKafkaTopics, type SetupTopicsParams } from '../setup-topics.ts';

/** A log of a test's own in a Kafka that others use too. */
export interface TestTopics {
  readonly connection: KafkaConnection;
  readonly topicPrefix: string;
  readonly names: Readonly<Record<Topic, string>>;
  /** The topics are gone when it resolves, from every broker's view. */
  remove(): Promise<void>;
}

/** Makes the topics under a prefix of their own. */
export async function makeTestTopics(
  params: Readonly<{ url: string }> & Partial<SetupTopicsParams>,
): Promise<TestTopics> {
  const { url, ...others } = params;
  const topicPrefix = others.topicPrefix ?? `test-${randomUUID()}-`;
  const connection = { brokers: url.split(','), clientId: 'millrace-test' };
  const names = kafkaTopics(topicPrefix);
  await setupKafkaTopics({ connection, log: silentLog, ...others, topicPrefix });
  return {
    connection,
    topicPrefix,
    names,
    remove: () => removeTopics(connection, Object.values(names)),
  };
}

async function removeTopics(connection: KafkaConnection, topics: string[]): Promise<void> {
  const settings = DEFAULT_KAFKA_SETTINGS;
  const admin = createKafkaClient({ connection, log: silentLog, settings, retries: 5 }).admin();
  await admin.connect();
  try {
    const present = new Set(await admin.listTopics());
    const left = topics.filter((topic) => present.has(topic));
    if (left.length > 0) await admin.deleteTopics({ topics: left });
  } finally {
    await admin.disconnect();
  }
}
