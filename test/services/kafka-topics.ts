import { silentLog } from '@millrace/runtime';
import { TOPIC_EVENTS, type Topic } from '@millrace/stream';
import {
  createKafkaClient,
  DEFAULT_KAFKA_SETTINGS,
  kafkaTopics,
  setupKafkaTopics,
} from '@millrace/stream/kafka';
import { until } from '../integration/running-millrace.ts';

type Admin = ReturnType<ReturnType<typeof createKafkaClient>['admin']>;

const SOON_MS_MAX = 30_000;

/** What somebody with the rights of an operator can do to the topics of a log. */
export class KafkaTopicsOperator {
  readonly #connection: { brokers: string[]; clientId: string };
  readonly #topicPrefix: string;
  readonly #names: Readonly<Record<Topic, string>>;

  constructor(params: Readonly<{ url: string; topicPrefix: string }>) {
    this.#connection = { brokers: params.url.split(','), clientId: 'millrace-test' };
    this.#topicPrefix = params.topicPrefix;
    this.#names = kafkaTopics(params.topicPrefix);
  }

  /** Deletes topics and makes them again as they were, but empty. */
  async makeAgain(...topics: readonly Topic[]): Promise<void> {
    const partitions = (await this.ends(TOPIC_EVENTS)).length;
    const names = topics.map((topic) => this.#names[topic]);
    await this.#do(async (admin) => {
      await admin.deleteTopics({ topics: names });
      await until(`${topics.join(', ')} gone`, SOON_MS_MAX, async () => {
        const present = new Set(await admin.listTopics());
        return names.every((name) => !present.has(name));
      });
    });
    await setupKafkaTopics({
      connection: this.#connection,
      topicPrefix: this.#topicPrefix,
      partitions,
      log: silentLog,
    });
  }

  /** The next offset of each partition. */
  async ends(topic: Topic): Promise<number[]> {
    return (await this.#offsets(topic)).map(({ high }) => Number(high));
  }

  /** The first offset that each partition still holds. */
  async starts(topic: Topic): Promise<number[]> {
    return (await this.#offsets(topic)).map(({ low }) => Number(low));
  }

  /** What lies below the offset is forgotten, as if its retention were over. */
  async expire(topic: Topic, partition: number, before: number): Promise<void> {
    const partitions = [{ partition, offset: String(before) }];
    await this.#do(async (admin) => {
      // kafkajs asks a broker only about topics that it was asked about before.
      await admin.fetchTopicOffsets(this.#names[topic]);
      await admin.deleteTopicRecords({ topic: this.#names[topic], partitions });
    });
  }

  async remove(): Promise<void> {
    await this.#do(async (admin) => {
      const present = new Set(await admin.listTopics());
      const topics = Object.values(this.#names).filter((name) => present.has(name));
      if (topics.length > 0) await admin.deleteTopics({ topics });
    });
  }

  async #offsets(topic: Topic): Promise<{ partition: number; high: string; low: string }[]> {
    const offsets = await this.#do((admin) => admin.fetchTopicOffsets(this.#names[topic]));
    return offsets.toSorted((a, b) => a.partition - b.partition);
  }

  async #do<T>(act: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = createKafkaClient({
      connection: this.#connection,
      log: silentLog,
      settings: DEFAULT_KAFKA_SETTINGS,
      retries: 5,
    }).admin();
    await admin.connect();
    try {
      return await act(admin);
    } finally {
      await admin.disconnect();
    }
  }
}
