import type { Log } from '@millrace/runtime';
import { logLevel } from 'kafkajs';
import type { StreamError } from '../stream-error.ts';
import type { Topic } from '../stream.ts';
import { BrokerLink, LinkError } from './broker-link.ts';
import { quietIdleLoop } from './idle-loop-patch.ts';
import { createLogger, type KafkajsLogger } from './kafkajs-internals.ts';
import { KafkaAnswerError, topicReplaced } from './kafka-errors.ts';
import { kafkaLogCreator } from './kafka-log.ts';
import type { KafkaConnection, KafkaSettings } from './kafka-settings.ts';
import { KafkaCode, metadataRequest, readMetadata, type ClusterMetadata } from './protocol.ts';

/** Connections to one broker are kept apart by use: a held fetch would keep an append waiting. */
export type LinkUse = 'ask' | 'produce' | 'fetch' | 'fetch-quick';

/** A topic's name in Kafka: `topicPrefix` + ours. */
export type KafkaTopics = Readonly<Record<Topic, string>>;

/** So often at most metadata is asked for, whoever wants it. */
const REFRESH_PAUSE_MS = 100;
/** Every broker has the answer in memory: one that takes longer is passed over for another. */
const METADATA_MS_MAX = 3_000;

/** Which brokers there are, who leads what, and the connections to them. */
export class KafkaCluster {
  readonly topics: KafkaTopics;
  readonly #params: KafkaClusterParams;
  readonly #logger: KafkajsLogger;
  readonly #links = new Map<string, Promise<BrokerLink>>();
  readonly #open = new Set<BrokerLink>();
  readonly #ids = new Map<Topic, string>();
  readonly #suspected = new Map<Topic, string>();
  readonly #replaced = new Map<Topic, StreamError>();
  #metadata: ClusterMetadata | undefined;
  #refreshing: Promise<ClusterMetadata> | undefined;
  #refreshedMs = -Infinity;
  #turn = 0;
  #isClosed = false;

  constructor(params: KafkaClusterParams) {
    quietIdleLoop();
    this.#params = params;
    this.topics = params.topics;
    const creator = kafkaLogCreator(params.log);
    this.#logger = createLogger({ level: logLevel.WARN, logCreator: creator });
  }

  get brokers(): readonly string[] {
    return this.#params.connection.brokers;
  }

  /** Undefined: not known, or none now; `refresh` may tell. */
  leaderOf(topic: Topic, partition: number): number | undefined {
    const leader = this.#metadata?.topics.get(this.topics[topic])?.leaders[partition];
    return leader === undefined || leader < 0 ? undefined : leader;
  }

  /** What the brokers said last of a partition that has no leader. */
  whyNoLeader(topic: Topic): Error {
    const error = this.#metadata?.topics.get(this.topics[topic])?.error;
    return new KafkaAnswerError(error || KafkaCode.leaderNotAvailable);
  }

  /** Of the topic that was opened. */
  idOf(topic: Topic): string | undefined {
    return this.#ids.get(topic);
  }

  topicOfId(id: string): Topic | undefined {
    for (const [topic, known] of this.#ids) if (known === id) return topic;
    return undefined;
  }

  /** Remembers the topics as they are now: from here on another id means another log. */
  pinTopics(metadata: ClusterMetadata): void {
    for (const [topic, name] of Object.entries(this.topics) as [Topic, string][]) {
      const found = metadata.topics.get(name);
      if (found?.error === 0) this.#ids.set(topic, found.id);
    }
  }

  /** STREAM_REPLACED when the topic is not the one that was opened. */
  replacedError(topic: Topic): StreamError | undefined {
    return this.#replaced.get(topic);
  }

  /** @throws StreamError STREAM_REPLACED. */
  checkSame(topic: Topic): void {
    const error = this.#replaced.get(topic);
    if (error !== undefined) throw error;
  }

  /** Asks any broker who leads what. One at a time, and not again at once. */
  refresh(): Promise<ClusterMetadata> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** A connection to a broker for one use, opened when there is none. */
  async link(node: number, use: LinkUse): Promise<BrokerLink> {
    const where = this.#metadata?.nodes.get(node);
    if (where === undefined) throw new LinkError(`Kafka has no broker ${node} now.`);
    return await this.#linkTo(where, use);
  }

  /** A connection to a broker for questions: a known one, else one of the list. */
  async anyLink(): Promise<BrokerLink> {
    const places = this.#places();
    let failure: unknown;
    for (let i = 0; i < places.length; i += 1) {
      this.#turn = (this.#turn + 1) % places.length;
      try {
        return await this.#linkTo(places[this.#turn]!, 'ask');
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  close(): void {
    this.#isClosed = true;
    for (const link of this.#open) link.close();
    this.#open.clear();
    this.#links.clear();
  }

  async #refresh(): Promise<ClusterMetadata> {
    const restMs = this.#refreshedMs + REFRESH_PAUSE_MS - performance.now();
    if (restMs > 0) await this.#params.sleep(restMs);
    this.#refreshedMs = performance.now();
    const link = await this.anyLink();
    const request = metadataRequest(Object.values(this.topics));
    const msMax = Math.min(METADATA_MS_MAX, this.#params.settings.requestMs);
    const metadata = readMetadata(await link.send(request, msMax));
    this.#metadata = metadata;
    this.#noteReplaced(metadata);
    return metadata;
  }

  #noteReplaced({ topics }: ClusterMetadata): void {
    for (const [topic, id] of this.#ids) {
      const found = topics.get(this.topics[topic]);
      if (found?.error !== 0 || found.id === id || this.#replaced.has(topic)) continue;
      // Believed when it is said twice: a broker that lags behind may still tell of the one before.
      if (this.#suspected.get(topic) !== found.id) {
        this.#suspected.set(topic, found.id);
        continue;
      }
      const error = topicReplaced(topic, 'it was deleted and made again');
      this.#replaced.set(topic, error);
      this.#params.log.error({ topic: this.topics[topic] }, 'A topic was deleted and made again.');
    }
  }

  #places(): Readonly<{ host: string; port: number }>[] {
    const known = [...(this.#metadata?.nodes.values() ?? [])];
    const listed = this.#params.connection.brokers.map((broker) => {
      const [host, port] = broker.split(':');
      return { host: host ?? '', port: Number(port) };
    });
    const places = new Map([...known, ...listed].map((place) => [addressOf(place), place]));
    return [...places.values()];
  }

  async #linkTo(
    place: Readonly<{ host: string; port: number }>,
    use: LinkUse,
  ): Promise<BrokerLink> {
    const key = `${addressOf(place)} ${use}`;
    const known = this.#links.get(key);
    if (known !== undefined) {
      const link = await known;
      if (link.isUsable) return link;
      if (this.#links.get(key) === known) this.#links.delete(key);
      this.#sweep();
    }
    // Another call may have begun one meanwhile.
    const opening = this.#links.get(key) ?? this.#openLink(place);
    this.#links.set(key, opening);
    try {
      return await opening;
    } catch (error) {
      if (this.#links.get(key) === opening) this.#links.delete(key);
      throw error;
    }
  }

  /** What is under way on an expired connection may still be answered: it ends when it is idle. */
  #sweep(): void {
    for (const link of this.#open) {
      if (link.isUsable || !link.isIdle) continue;
      link.close();
      this.#open.delete(link);
    }
  }

  async #openLink(place: Readonly<{ host: string; port: number }>): Promise<BrokerLink> {
    const { connection, settings } = this.#params;
    const { connectMs } = settings;
    if (this.#isClosed) throw new LinkError('The stream is closed.');
    const link = await BrokerLink.open({ ...place, connection, logger: this.#logger, connectMs });
    if (this.#isClosed) link.close();
    else this.#open.add(link);
    return link;
  }
}

function addressOf({ host, port }: Readonly<{ host: string; port: number }>): string {
  return `${host}:${port}`;
}

export type KafkaClusterParams = Readonly<{
  connection: KafkaConnection;
  topics: KafkaTopics;
  log: Log;
  sleep: (ms: number) => Promise<void>;
  settings: Pick<KafkaSettings, 'connectMs' | 'requestMs'>;
}>;
