import type { Log } from '@millrace/runtime';
import { logLevel } from 'kafkajs';
import type { StreamError } from '../../stream-error.ts';
import type { Topic } from '../../stream.ts';
import { BrokerLink, LinkError } from './broker-link.ts';
import { quietIdleLoop } from './idle-loop-patch.ts';
import { createLogger, type KafkajsLogger } from './kafkajs-internals.ts';
import { KafkaAnswerError } from './kafka-errors.ts';
import { kafkaLogCreator } from './kafka-log.ts';
import {
  placeOfBroker,
  type BrokerPlace,
  type KafkaConnection,
  type KafkaSettings,
} from './kafka-settings.ts';
import type { KafkaTopics } from './kafka-topics.ts';
import { keepNewestLeaders } from './newest-leaders.ts';
import { PinnedTopics } from './pinned-topics.ts';
import { KafkaCode, metadataRequest, readMetadata, type ClusterMetadata } from './protocol.ts';

/** Connections to one broker are kept apart by use: a held fetch would keep an append waiting. */
export type LinkUse = 'ask' | 'produce' | 'fetch' | 'fetch-quick';

/** So often at most metadata is asked for, whoever wants it. */
const REFRESH_PAUSE_MS = 100;
/** Every broker has the answer in memory: one that takes longer is passed over for another. */
const METADATA_MS_MAX = 3_000;
/** So long a broker that did not answer is asked last. */
const AVOID_MS = 10_000;

/** Which brokers there are, who leads what, and the connections to them. */
export class KafkaCluster {
  readonly topics: KafkaTopics;
  readonly #params: KafkaClusterParams;
  readonly #logger: KafkajsLogger;
  readonly #links = new Map<string, Promise<BrokerLink>>();
  readonly #open = new Set<BrokerLink>();
  readonly #pinned: PinnedTopics;
  /** Brokers that did not answer lately: when, by the monotonic clock. */
  readonly #troubledMs = new Map<string, number>();
  #metadata: ClusterMetadata | undefined;
  #refreshing: Promise<ClusterMetadata> | undefined;
  #refreshedMs = -Infinity;
  /** When two brokers were asked last who leads what. */
  #confirmedMs = -Infinity;
  #turn = 0;
  #isClosed = false;

  constructor(params: KafkaClusterParams) {
    quietIdleLoop();
    this.#params = params;
    this.topics = params.topics;
    this.#pinned = new PinnedTopics(params.topics);
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

  /** Goes with `leaderOf`: a broker that does not lead in this one refuses what names it. */
  leaderEpochOf(topic: Topic, partition: number): number {
    return this.#metadata?.topics.get(this.topics[topic])?.leaderEpochs[partition] ?? -1;
  }

  /** What the brokers said last of a partition that has no leader. */
  whyNoLeader(topic: Topic): Error {
    const error = this.#metadata?.topics.get(this.topics[topic])?.error;
    return new KafkaAnswerError(error || KafkaCode.leaderNotAvailable);
  }

  /** Of the topic that was opened. */
  idOf(topic: Topic): string | undefined {
    return this.#pinned.idOf(topic);
  }

  /** Remembers the topics as they are now: from here on another id means another log. */
  pinTopics(metadata: ClusterMetadata): void {
    this.#pinned.pin(metadata);
  }

  /** STREAM_REPLACED when the topic is not the one that was opened. */
  replacedError(topic: Topic): StreamError | undefined {
    return this.#pinned.replacedError(topic);
  }

  /** @throws StreamError STREAM_REPLACED. */
  checkSame(topic: Topic): void {
    const error = this.replacedError(topic);
    if (error !== undefined) throw error;
  }

  /** Asks any broker who leads what. One at a time, and not again at once. */
  refresh(): Promise<ClusterMetadata> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /**
   * Asks two brokers who leads what when the last answers are older: one of them may have hung, and
   * not know of later leaders yet. What they say of the later epoch is kept.
   */
  async confirmLeaders(ageMsMax: number): Promise<void> {
    if (performance.now() - this.#confirmedMs <= ageMsMax) return;
    const startMs = performance.now();
    const asked = Math.min(2, this.#places().length);
    // Whoever asks the leader now will see for himself what is wrong.
    for (let i = 0; i < asked; i += 1) await this.refresh().catch(() => undefined);
    this.#confirmedMs = startMs;
  }

  /** A connection to a broker for one use, opened when there is none. */
  async link(node: number, use: LinkUse): Promise<BrokerLink> {
    const where = this.#metadata?.nodes.get(node);
    if (where === undefined) throw new LinkError(`Kafka has no broker ${node} now.`);
    return await this.#linkTo(where, use);
  }

  /**
   * A connection to a broker for questions: each time to the next one, of the known and the listed
   * ones. Those that were in trouble lately come last: one that is dead lets us wait in vain.
   */
  async anyLink(): Promise<BrokerLink> {
    const places = this.#places();
    this.#turn = (this.#turn + 1) % places.length;
    const inTurn = [...places.slice(this.#turn), ...places.slice(0, this.#turn)];
    const sinceMs = performance.now() - AVOID_MS;
    const isAvoided = (place: BrokerPlace): number =>
      (this.#troubledMs.get(addressOf(place)) ?? -Infinity) > sinceMs ? 1 : 0;
    let failure: unknown;
    for (const place of inTurn.toSorted((a, b) => isAvoided(a) - isAvoided(b))) {
      try {
        return await this.#linkTo(place, 'ask');
      } catch (error) {
        this.#noteTrouble(addressOf(place));
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
    const metadata = await this.#askForMetadata(link);
    this.#metadata = keepNewestLeaders(this.#metadata, metadata);
    for (const topic of this.#pinned.note(metadata)) {
      const fields = { topic: this.topics[topic] };
      this.#params.log.error(fields, 'A topic was deleted and made again.');
    }
    return metadata;
  }

  async #askForMetadata(link: BrokerLink): Promise<ClusterMetadata> {
    const request = metadataRequest(Object.values(this.topics));
    const msMax = Math.min(METADATA_MS_MAX, this.#params.settings.requestMs);
    try {
      return readMetadata(await link.send(request, msMax));
    } catch (error) {
      this.#noteTrouble(link.address);
      throw error;
    }
  }

  #noteTrouble(address: string): void {
    const nowMs = performance.now();
    for (const [other, atMs] of this.#troubledMs) {
      if (atMs < nowMs - AVOID_MS) this.#troubledMs.delete(other);
    }
    this.#troubledMs.set(address, nowMs);
  }

  #places(): BrokerPlace[] {
    const known = [...(this.#metadata?.nodes.values() ?? [])];
    const listed = this.#params.connection.brokers.map(placeOfBroker);
    const places = new Map([...known, ...listed].map((place) => [addressOf(place), place]));
    return [...places.values()];
  }

  async #linkTo(place: BrokerPlace, use: LinkUse): Promise<BrokerLink> {
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

  async #openLink(place: BrokerPlace): Promise<BrokerLink> {
    const { connection, settings } = this.#params;
    const { connectMs } = settings;
    if (this.#isClosed) throw new LinkError('The stream is closed.');
    const link = await BrokerLink.open({ ...place, connection, logger: this.#logger, connectMs });
    if (this.#isClosed) link.close();
    else this.#open.add(link);
    return link;
  }
}

function addressOf({ host, port }: BrokerPlace): string {
  return `${host}:${port}`;
}

export type KafkaClusterParams = Readonly<{
  connection: KafkaConnection;
  topics: KafkaTopics;
  log: Log;
  sleep: (ms: number) => Promise<void>;
  settings: Pick<KafkaSettings, 'connectMs' | 'requestMs'>;
}>;
