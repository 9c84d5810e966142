import { errorText, type Log } from '@millrace/runtime';
import type { PartitionBounds, Topic } from '../../stream.ts';
import type { BrokerLink } from '../client/broker-link.ts';
import type { KafkaCluster, LinkUse } from '../client/kafka-cluster.ts';
import { KafkaAnswerError } from '../client/kafka-errors.ts';
import type { FetchAnswer, FetchingReader } from './kafka-reader.ts';
import type { KafkaSettings } from '../client/kafka-settings.ts';
import { emptySince } from './empty-since.ts';
import { findFetchFault } from './fetch-fault.ts';
import { PositionCheck } from './position-check.ts';
import { fetchRequest, KafkaCode, readFetched, type FetchedPartition } from '../client/protocol.ts';

/** How long a fetch of the quick connection is held. */
const QUICK_WAIT_MS = 20;
const RETRY_MS = 100;
const RETRY_MS_MAX = 1_000;

/** Readers of one partition that want it from the same position: one fetch does for all. */
interface Share {
  readonly topicId: string;
  readonly partition: number;
  readonly position: number;
  readonly leaderEpoch: number;
  readonly readers: FetchingReader[];
}

/**
 * Fetches for all readers of a stream: one request at a time to each broker that holds what they
 * read, answered as soon as one of them has something. While that is held, readers that are not in
 * it (new ones, ones that had no room) are fetched for over a second connection, whose requests
 * are held only shortly; when the first comes back empty all are brought together in it again.
 */
export class Fetcher {
  readonly #params: FetcherParams;
  readonly #readers = new Set<FetchingReader>();
  /** How many requests under way each of them is in: two only when it became hasty. */
  readonly #underWay = new Map<FetchingReader, number>();
  readonly #nodes = new Map<number, NodeLinks>();
  /** After a failure it is not asked for before then, by the monotonic clock. */
  readonly #restsUntilMs = new WeakMap<FetchingReader, number>();
  readonly #positions: PositionCheck;
  #isKicked = false;
  #isRecovering = false;
  #failures = 0;
  #isClosed = false;

  constructor(params: FetcherParams) {
    this.#params = params;
    this.#positions = new PositionCheck({
      bounds: params.bounds,
      refresh: () => params.cluster.refresh(),
      onFailed: (reader, error) => this.#failed(reader, error),
    });
  }

  add(reader: FetchingReader): void {
    this.#readers.add(reader);
  }

  remove(reader: FetchingReader): void {
    this.#readers.delete(reader);
    this.#underWay.delete(reader);
  }

  close(): void {
    this.#isClosed = true;
  }

  /** Something changed for a reader; it is looked at after this turn. */
  kick(): void {
    if (this.#isKicked || this.#isClosed) return;
    this.#isKicked = true;
    queueMicrotask(() => {
      this.#isKicked = false;
      this.#dispatch();
    });
  }

  #dispatch(): void {
    const { cluster } = this.#params;
    const wanting = new Map<number, FetchingReader[]>();
    let isStuck = false;
    for (const reader of this.#readers) {
      if (!reader.wantsRecords) continue;
      if (this.#underWay.has(reader) && !reader.isHasty) continue;
      const replaced = cluster.replacedError(reader.topic);
      if (replaced !== undefined) {
        reader.stop(replaced);
        continue;
      }
      const leader = cluster.leaderOf(reader.topic, reader.partition);
      const rests = (this.#restsUntilMs.get(reader) ?? 0) > performance.now();
      if (leader !== undefined && !rests) {
        wanting.set(leader, [...(wanting.get(leader) ?? []), reader]);
        continue;
      }
      isStuck = true;
      if (!rests) this.#failed(reader, cluster.whyNoLeader(reader.topic));
    }
    for (const [leader, readers] of wanting) this.#fetchFrom(leader, readers);
    if (isStuck) this.#recover(undefined);
  }

  #fetchFrom(leader: number, readers: readonly FetchingReader[]): void {
    const node = this.#nodes.get(leader) ?? { held: false, quick: false };
    this.#nodes.set(leader, node);
    const { fetchWaitMs } = this.#params.settings;
    const hasty = readers.filter((reader) => reader.isHasty);
    const patient = readers.filter((reader) => !reader.isHasty);
    if (hasty.length > 0 && !node.quick) void this.#fetch(leader, 'quick', hasty, 0);
    if (patient.length === 0) return;
    if (!node.held) void this.#fetch(leader, 'held', patient, fetchWaitMs);
    else if (!node.quick) void this.#fetch(leader, 'quick', patient, QUICK_WAIT_MS);
  }

  /** Never rejects: readers are told. */
  async #fetch(
    leader: number,
    which: 'held' | 'quick',
    readers: readonly FetchingReader[],
    waitMs: number,
  ): Promise<void> {
    const node = this.#nodes.get(leader)!;
    node[which] = true;
    const shares = this.#sharesOf(readers);
    for (const reader of shares.flatMap((share) => share.readers)) {
      this.#underWay.set(reader, (this.#underWay.get(reader) ?? 0) + 1);
    }
    let isEmpty = false;
    try {
      const use: LinkUse = which === 'held' ? 'fetch' : 'fetch-quick';
      isEmpty = await this.#ask(leader, use, shares, waitMs);
      this.#failures = 0;
    } catch (error) {
      for (const { readers: of } of shares) for (const reader of of) this.#failed(reader, error);
      this.#recover(error);
    } finally {
      node[which] = false;
      for (const reader of shares.flatMap((share) => share.readers)) this.#isBack(reader);
    }
    // Nothing came: the others are back in a moment, and then one request does for all.
    if (which === 'held' && isEmpty && node.quick) return;
    this.#dispatch();
  }

  #failed(reader: FetchingReader, error: unknown): void {
    this.#rest(reader);
    reader.fail(error);
  }

  #rest(reader: FetchingReader): void {
    this.#restsUntilMs.set(reader, performance.now() + RETRY_MS);
  }

  #isBack(reader: FetchingReader): void {
    const left = (this.#underWay.get(reader) ?? 0) - 1;
    if (left > 0) this.#underWay.set(reader, left);
    else this.#underWay.delete(reader);
  }

  /** Sends it and gives each reader its part; whether there was nothing for any of them. */
  async #ask(
    leader: number,
    use: LinkUse,
    shares: readonly Share[],
    waitMs: number,
  ): Promise<boolean> {
    const { cluster, settings } = this.#params;
    const link = await cluster.link(leader, use);
    const request = fetchRequest({
      from: shares,
      waitMs,
      bytesMax: settings.fetchRequestBytesMax,
      // A whole batch, always: of one that is cut off nothing can be read.
      partitionBytesMax: Math.max(settings.fetchBytesMax, 2 * settings.batchBytesMax),
    });
    const sentMs = performance.now();
    const answer = readFetched(await link.send(request, settings.requestMs + waitMs));
    if (answer.error !== KafkaCode.none) throw new KafkaAnswerError(answer.error);
    const shareOf = new Map(shares.map((share) => [`${share.topicId}/${share.partition}`, share]));
    const bytes = answer.partitions.reduce((sum, { records }) => sum + records.length, 0);
    const emptyMs = emptySince(answer.partitions, { sentMs, waitMs });
    let failure: Error | undefined;
    for (const fetched of answer.partitions) {
      const share = shareOf.get(`${fetched.topicId}/${fetched.partition}`);
      if (share === undefined) continue;
      const found = this.#settle(share, fetched, { bytes, emptyMs });
      failure ??= found;
    }
    if (failure !== undefined) this.#recover(failure);
    return bytes === 0;
  }

  /** Gives the readers their part; the error, when it did not work and may pass. */
  #settle(
    share: Share,
    fetched: FetchedPartition,
    { bytes, emptyMs }: Readonly<{ bytes: number; emptyMs: number }>,
  ): Error | undefined {
    if (fetched.error !== KafkaCode.none) return this.#partitionFailed(share, fetched);
    const { records } = fetched;
    const { position } = share;
    const fault = findFetchFault({ ...fetched, position, othersBytes: bytes - records.length });
    if (fault === undefined) {
      this.#deliver(share, { ...fetched, isMost: 2 * records.length >= bytes, emptyMs });
    } else for (const reader of share.readers) this.#failed(reader, fault);
    return fault;
  }

  #deliver(share: Share, fetched: Omit<FetchAnswer, 'position'>): void {
    for (const reader of share.readers) {
      reader.receive({ ...fetched, position: share.position });
      if (fetched.records.length === 0 || !this.#readers.delete(reader)) continue;
      // To the end of the line: an answer that is full has nothing for those at its end.
      this.#readers.add(reader);
    }
  }

  /** One of a partition is in one request only; the others at the same position share it. */
  #sharesOf(readers: readonly FetchingReader[]): Share[] {
    const shares = new Map<string, Share>();
    for (const reader of readers) {
      const { topic, partition, fetchPosition: position } = reader;
      const { cluster } = this.#params;
      const topicId = cluster.idOf(topic)!;
      const leaderEpoch = cluster.leaderEpochOf(topic, partition);
      const key = `${topicId}/${partition}`;
      const share = shares.get(key);
      const place = { topicId, partition, position, leaderEpoch };
      if (share === undefined) shares.set(key, { ...place, readers: [reader] });
      else if (share.position === position) share.readers.push(reader);
    }
    return [...shares.values()];
  }

  /** The error, when it may pass. */
  #partitionFailed(share: Share, { error }: FetchedPartition): KafkaAnswerError | undefined {
    const failure = new KafkaAnswerError(error);
    for (const reader of share.readers) {
      // It leads, in a later epoch than we heard of: nothing but that has to be asked.
      if (error === KafkaCode.fencedLeaderEpoch) this.#rest(reader);
      else this.#failed(reader, failure);
      if (error !== KafkaCode.offsetOutOfRange) continue;
      void this.#positions.check(reader, share.position);
    }
    return error === KafkaCode.offsetOutOfRange ? undefined : failure;
  }

  /** Asks who leads what, then lets the readers try again. */
  #recover(error: unknown): void {
    if (this.#isRecovering || this.#isClosed) return;
    this.#isRecovering = true;
    void this.#recoverOnce(error).finally(() => {
      this.#isRecovering = false;
      this.#dispatch();
    });
  }

  async #recoverOnce(cause: unknown): Promise<void> {
    const { cluster, sleep, log } = this.#params;
    await sleep(Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** Math.min(this.#failures, 8)));
    this.#failures += 1;
    try {
      await cluster.refresh();
    } catch (error) {
      log.debug({ error: errorText(error) }, 'Kafka could not be asked who leads what.');
      for (const reader of this.#readers) if (reader.wantsRecords) reader.fail(cause ?? error);
    }
  }
}

interface NodeLinks {
  /** A request of each kind is under way. */
  held: boolean;
  quick: boolean;
}

/** What it uses of a cluster. */
type FetchCluster = Pick<
  KafkaCluster,
  'idOf' | 'leaderOf' | 'leaderEpochOf' | 'replacedError' | 'whyNoLeader'
> & {
  refresh(): Promise<unknown>;
  link(node: number, use: LinkUse): Promise<Pick<BrokerLink, 'send'>>;
};

export type FetcherParams = Readonly<{
  cluster: FetchCluster;
  log: Log;
  sleep: (ms: number) => Promise<void>;
  bounds: (topic: Topic, partition: number) => Promise<PartitionBounds>;
  settings: Pick<
    KafkaSettings,
    'fetchWaitMs' | 'fetchBytesMax' | 'fetchRequestBytesMax' | 'batchBytesMax' | 'requestMs'
  >;
}>;
