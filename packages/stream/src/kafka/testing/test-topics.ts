import { randomUUID } from 'node:crypto';
import { silentLog, systemClock } from '@millrace/runtime';
import type { Topic } from '../../stream.ts';
import { createKafkaClient } from '../client/kafka-client.ts';
import { DEFAULT_KAFKA_SETTINGS, type KafkaConnection } from '../client/kafka-settings.ts';
import { kafkaTopics } from '../client/kafka-topics.ts';
import { setupKafkaTopics, type SetupTopicsParams } from '../topics/setup-topics.ts';

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

const GONE_MS_MAX = 20_000;
const POLL_MS = 20;

async function removeTopics(connection: KafkaConnection, topics: string[]): Promise<void> {
  const settings = DEFAULT_KAFKA_SETTINGS;
  const admin = createKafkaClient({ connection, log: silentLog, settings, retries: 5 }).admin();
  await admin.connect();
  try {
    const present = async (): Promise<string[]> => {
      const listed = new Set(await admin.listTopics());
      return topics.filter((topic) => listed.has(topic));
    };
    const found = await present();
    if (found.length > 0) await admin.deleteTopics({ topics: found });
    // The controller has deleted them; the brokers follow, and until then take records for them.
    const deadlineMs = performance.now() + GONE_MS_MAX;
    for (let left = found; left.length > 0; left = await present()) {
      if (performance.now() > deadlineMs) throw new Error(`still there: ${left.join(', ')}`);
      await systemClock.sleep(POLL_MS);
    }
  } finally {
    await admin.disconnect();
  }
}
