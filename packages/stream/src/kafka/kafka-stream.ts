import { setMaxListeners } from 'node:events';
import type { Clock, Log } from '@millrace/runtime';
import { retentionOf } from '../retention.ts';
import { settlingProducer } from '../settling-producer.ts';
import { checkPartition, checkReleasable, closedStream, partitionName } from '../stream-error.ts';
import type { PartitionBounds, PartitionReader, Producer, Stream, Topic } from '../stream.ts';
import { type BrokerLink } from './client/broker-link.ts';
import { findCodec } from './client/compression.ts';
import { Fetcher } from './read/fetcher.ts';
import { KafkaCluster } from './client/kafka-cluster.ts';
import { isPassing, translateKafkaError } from './client/kafka-errors.ts';
import { KafkaReader } from './read/kafka-reader.ts';
import {
  DEFAULT_KAFKA_SETTINGS,
  type KafkaConnection,
  type KafkaSettings,
} from './client/kafka-settings.ts';
import { kafkaTopics } from './client/kafka-topics.ts';
import { openTopics } from './topics/open-topics.ts';
import { deleteRecords, EARLIEST, LATEST, listOffsets } from './read/partition-offsets.ts';
import { ProduceSender } from './produce/produce-sender.ts';

export type KafkaStreamParams = Readonly<{
  connection: KafkaConnection;
  /** Before the name of each topic: several logs in one Kafka. */
  topicPrefix?: string;
  /** P; left out: as many as the topics have. */
  partitions?: number;
  clock: Clock;
  log: Log;
  settings?: Partial<KafkaSettings>;
  /** Ends the waiting for brokers. */
  signal?: AbortSignal;
}>;

const RETRY_MS = 100;
/** An answer that took longer may be of somebody who hung. */
const LATE_MS = 1_000;
/** So long what two brokers said of leaders is believed. */
const CONFIRMED_MS_MAX = 1_000;

/**
 * Opens the log in Kafka; the topics must be there (`setupKafkaTopics`). Append times are the
 * brokers'. `retentionBytes` and `topicBytesMax` of other logs do not exist here: Kafka cannot be
 * asked to keep them without losing what was not read.
 *
 * @throws StreamError STREAM_NOT_SET_UP, STREAM_PARTITIONS, STREAM_VERSION, STREAM_FORBIDDEN
 *   (permanent), STREAM_UNREACHABLE, STREAM_BROKEN (transient, after `openMs`).
 */
export async function openKafkaStream(params: KafkaStreamParams): Promise<Stream> {
  const { connection, clock, log, signal } = params;
  const settings = { ...DEFAULT_KAFKA_SETTINGS, ...params.settings };
  // What is not installed should be missed now, and not at the first append.
  await findCodec(settings.compression);
  const closing = new AbortController();
  // While a broker is away, questions about all partitions wait at the same time.
  setMaxListeners(0, closing.signal);
  const sleep = async (ms: number): Promise<void> => {
    // Closing only makes it shorter.
    await clock.sleep(ms, closing.signal).catch(() => undefined);
  };
  const topics = kafkaTopics(params.topicPrefix);
  const cluster = new KafkaCluster({ connection, topics, log, sleep, settings });
  try {
    const { partitions } = params;
    const opened = await openTopics({ cluster, partitions, clock, log, settings, signal });
    const base = { cluster, clock, log, sleep, settings, partitions: opened.partitions };
    const sender = new ProduceSender(base);
    for (const { topic, partition, end } of opened.ends) sender.expect(topic, partition, end);
    return new KafkaStream({ ...base, sender, closing });
  } catch (error) {
    closing.abort();
    cluster.close();
    throw error;
  }
}

class KafkaStream implements Stream {
  readonly partitions: number;
  readonly #parts: KafkaStreamParts;
  readonly #fetcher: Fetcher;
  readonly #readers = new Set<KafkaReader>();
  /** Up to where each partition was let go: not asked for again. */
  readonly #released = new Map<string, number>();
  #closing: Promise<void> | undefined;

  constructor(parts: KafkaStreamParts) {
    this.#parts = parts;
    this.partitions = parts.partitions;
    const bounds = (topic: Topic, partition: number): Promise<PartitionBounds> =>
      this.bounds(topic, partition);
    this.#fetcher = new Fetcher({ ...parts, bounds });
  }

  producer(): Producer {
    return settlingProducer((topic, partition, payload) => {
      this.#check(topic, partition);
      return this.#parts.sender.append(topic, partition, payload);
    });
  }

  reader(topic: Topic, partition: number, position: number): PartitionReader {
    checkPartition(topic, partition, this.partitions);
    const { clock, settings } = this.#parts;
    const reader: KafkaReader = new KafkaReader({
      ...{ topic, partition, position, clock },
      fetchBytesMax: settings.fetchBytesMax,
      retryMs: settings.retryMs,
      kick: () => this.#fetcher.kick(),
      onClose: () => {
        this.#readers.delete(reader);
        this.#fetcher.remove(reader);
      },
    });
    this.#readers.add(reader);
    this.#fetcher.add(reader);
    if (this.#closing !== undefined) void reader.close();
    return reader;
  }

  async bounds(topic: Topic, partition: number): Promise<PartitionBounds> {
    const [start, end] = await Promise.all([
      this.#offsetAt(topic, partition, EARLIEST),
      this.#offsetAt(topic, partition, LATEST),
    ]);
    // Asked for separately: what was let go in between must not turn them round.
    return { start: Math.min(start, end), end };
  }

  async release(topic: Topic, partition: number, position: number): Promise<void> {
    this.#check(topic, partition);
    checkReleasable(topic);
    const where = partitionName(topic, partition);
    const { clock, settings, cluster } = this.#parts;
    const { retentionMs } = retentionOf(topic, { ...settings, retentionBytes: 0 });
    const expiredMs = Math.floor(clock.nowUs() / 1000) - retentionMs;
    // The first record that is not past its retention; none: all of them are.
    const [young, end] = await Promise.all([
      this.#offsetAt(topic, partition, Math.max(0, expiredMs)),
      this.#offsetAt(topic, partition, LATEST),
    ]);
    const before = Math.min(position, young < 0 ? end : young);
    if (before <= (this.#released.get(where) ?? 0)) return;
    await this.#askLeader(topic, partition, 'release its records', async (link) => {
      const how = { topic: cluster.topics[topic], partition, before, msMax: settings.requestMs };
      await deleteRecords(link, how);
    });
    this.#released.set(where, before);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { sender, settings, closing, cluster } = this.#parts;
    await Promise.all([...this.#readers].map((reader) => reader.close()));
    await sender.close(settings.closeMs);
    this.#fetcher.close();
    closing.abort();
    cluster.close();
  }

  async #offsetAt(topic: Topic, partition: number, at: number): Promise<number> {
    const { cluster } = this.#parts;
    // A leader that hung may have been replaced, and answers before it hears of that: it must have
    // been said of late that it leads, and it must answer soon.
    await cluster.confirmLeaders(CONFIRMED_MS_MAX);
    const startMs = performance.now();
    const offset = await this.#askOffset(topic, partition, at);
    if (performance.now() - startMs < LATE_MS) return offset;
    await cluster.confirmLeaders(0);
    return await this.#askOffset(topic, partition, at);
  }

  async #askOffset(topic: Topic, partition: number, at: number): Promise<number> {
    const { cluster, settings } = this.#parts;
    return await this.#askLeader(topic, partition, 'ask for its offsets', async (link) => {
      const name = cluster.topics[topic];
      const led = { partition, leaderEpoch: cluster.leaderEpochOf(topic, partition) };
      const how = { topic: name, partitions: [led], at, msMax: settings.requestMs };
      return (await listOffsets(link, how)).get(partition) ?? -1;
    });
  }

  /** Asks the broker that leads a partition; again, for a time, when that is another one. */
  async #askLeader<T>(
    topic: Topic,
    partition: number,
    doing: string,
    ask: (link: BrokerLink) => Promise<T>,
  ): Promise<T> {
    const { cluster, settings, sleep } = this.#parts;
    const startMs = performance.now();
    for (;;) {
      this.#check(topic, partition);
      cluster.checkSame(topic);
      try {
        const leader = cluster.leaderOf(topic, partition);
        if (leader === undefined) throw cluster.whyNoLeader(topic);
        return await ask(await cluster.link(leader, 'ask'));
      } catch (error) {
        this.#check(topic, partition);
        if (!isPassing(error) || performance.now() - startMs >= settings.retryMs) {
          const where = partitionName(topic, partition);
          throw translateKafkaError(error, { where, doing, effect: 'Nothing was changed.' });
        }
      }
      await sleep(RETRY_MS);
      // Failing that, the next attempt tells why.
      await cluster.refresh().catch(() => undefined);
    }
  }

  #check(topic: Topic, partition: number): void {
    if (this.#closing !== undefined) throw closedStream('The log in Kafka');
    checkPartition(topic, partition, this.partitions);
  }
}

type KafkaStreamParts = Readonly<{
  cluster: KafkaCluster;
  sender: ProduceSender;
  partitions: number;
  clock: Clock;
  log: Log;
  sleep: (ms: number) => Promise<void>;
  settings: KafkaSettings;
  closing: AbortController;
}>;
