import { misuse, partitionName, type StreamError } from '../../stream-error.ts';
import type { AppendResult, Topic } from '../../stream.ts';
import type { CompressionName } from '../client/compression.ts';
import { encodeBatch, sequenceAfter } from './record-batch.ts';

/** An append that has not settled. */
export interface PendingAppend {
  readonly payload: Uint8Array;
  /** By the monotonic clock. */
  readonly sinceMs: number;
  resolve(result: AppendResult): void;
  reject(error: unknown): void;
}

/** A producer id as a broker gave it: sequence numbers begin at 0 with it. */
export interface ProducerId {
  readonly producerId: number;
  readonly epoch: number;
}

/** Appends that go out together. Its bytes never change: an attempt is the same as the last. */
export interface LaneBatch {
  readonly appends: readonly PendingAppend[];
  readonly bytes: Buffer;
  readonly id: ProducerId;
  /** An attempt was sent, and what became of it is not known: it may be in the log. */
  mayBeThere: boolean;
  /** What the last attempt failed with. */
  error: unknown;
}

/** Records in one batch: a bound for what encoding it takes at once. */
const BATCH_RECORDS_MAX = 10_000;

/**
 * The appends of one partition, in the order of the calls: at most one batch is under way, what
 * comes meanwhile waits and goes out together as the next one.
 *
 * INVARIANT: a sequence number belongs to one batch for ever. It moves on when the batch is known
 * to be in the log, and when that stays unknown the producer id is given up with it. A broker
 * takes any batch with numbers it has seen for the same one and says that it is there.
 */
export class ProducerLane {
  readonly topic: Topic;
  readonly partition: number;
  readonly where: string;
  batch: LaneBatch | undefined;
  /** The batch is on its way: being encoded, waiting for a connection, or sent. */
  isBusy = false;
  /** It is with the broker: what becomes of it is not ours to say until it answers. */
  isSent = false;
  /** Not tried again before: by the monotonic clock. */
  notBeforeMs = 0;
  attempts = 0;
  /** Every append must get an offset from here on, or the log was made again. */
  nextOffset = 0;
  /** The log is another one than at the start: nothing is appended to it any more. */
  replaced: StreamError | undefined;
  readonly #queue: PendingAppend[] = [];
  #id: ProducerId | undefined;
  #sequence = 0;
  #spent: ProducerId | undefined;
  #countMax = BATCH_RECORDS_MAX;
  #queuedBytes = 0;

  constructor(topic: Topic, partition: number) {
    this.topic = topic;
    this.partition = partition;
    this.where = partitionName(topic, partition);
  }

  get hasWork(): boolean {
    return this.batch !== undefined || this.#queue.length > 0;
  }

  /** Whether this producer id was given up here: it must get another one. */
  isSpent(id: ProducerId): boolean {
    return this.#spent === id;
  }

  /** When its oldest append was called. */
  get oldestMs(): number | undefined {
    return (this.batch?.appends[0] ?? this.#queue[0])?.sinceMs;
  }

  /** Payload bytes of its batch, or of all that waits: at least what it would send now. */
  get bytes(): number {
    return this.batch?.bytes.length ?? this.#queuedBytes;
  }

  push(append: PendingAppend): void {
    this.#queue.push(append);
    this.#queuedBytes += append.payload.length;
  }

  /** Makes the next batch of what waits; undefined when that was all rejected meanwhile. */
  async form(
    id: ProducerId,
    params: Readonly<{ bytesMax: number; timestampMs: number; compression: CompressionName }>,
  ): Promise<LaneBatch | undefined> {
    if (this.#queue.length === 0) return undefined;
    if (this.isSpent(id)) throw misuse(`${this.where}: a producer id was to be used again.`);
    if (this.#id !== id) {
      this.#id = id;
      this.#sequence = 0;
    }
    const appends = this.#unqueue(this.#countNext(params.bytesMax));
    const identity = { ...id, sequence: this.#sequence };
    const { timestampMs, compression } = params;
    const payloads = appends.map(({ payload }) => payload);
    try {
      const bytes = await encodeBatch({ payloads, identity, timestampMs, compression });
      this.batch = { appends, bytes, id, mayBeThere: false, error: undefined };
      return this.batch;
    } catch (error) {
      for (const { reject } of appends) reject(error);
      throw error;
    }
  }

  /** The batch is in the log, its first record at `offset`. */
  acknowledge(offset: number, appendTimeUs: number): void {
    const { appends } = this.batch!;
    this.batch = undefined;
    this.attempts = 0;
    this.#sequence = sequenceAfter(this.#sequence, appends.length);
    this.nextOffset = offset + appends.length;
    appends.forEach(({ resolve }, index) => resolve({ offset: offset + index, appendTimeUs }));
  }

  /** Gives the batch up; its sequence numbers are never used again. */
  abandon(error: unknown): void {
    const appends = this.batch?.appends ?? [];
    this.batch = undefined;
    this.attempts = 0;
    this.#spend();
    for (const { reject } of appends) reject(error);
  }

  /** Gives up for good: whatever is sent now would lie in another log. */
  condemn(error: StreamError): void {
    this.replaced = error;
    this.abandon(error);
    this.rejectQueued(Infinity, () => error);
  }

  /** Sends the same records again under another producer id: none of them may be in the log. */
  withdraw(): void {
    const appends = this.batch?.appends ?? [];
    this.#queue.unshift(...appends);
    this.#queuedBytes += sumBytes(appends);
    this.batch = undefined;
    this.#spend();
  }

  /** Splits a batch that is too large for the broker; false when it is one record. */
  halve(): boolean {
    const { appends } = this.batch!;
    if (appends.length === 1) return false;
    this.withdraw();
    this.#countMax = Math.ceil(appends.length / 2);
    return true;
  }

  /** Rejects what waits since before `sinceMs`, without the batch. */
  rejectQueued(sinceMs: number, error: () => unknown): void {
    const index = this.#queue.findIndex((append) => append.sinceMs > sinceMs);
    const count = index < 0 ? this.#queue.length : index;
    for (const { reject } of this.#unqueue(count)) reject(error());
  }

  #unqueue(count: number): PendingAppend[] {
    const appends = this.#queue.splice(0, count);
    this.#queuedBytes -= sumBytes(appends);
    return appends;
  }

  #spend(): void {
    this.#spent = this.#id;
    this.#id = undefined;
  }

  #countNext(bytesMax: number): number {
    let bytes = 0;
    let count = 0;
    for (const { payload } of this.#queue) {
      bytes += payload.length;
      if (count > 0 && (bytes > bytesMax || count === this.#countMax)) break;
      count += 1;
    }
    this.#countMax = BATCH_RECORDS_MAX;
    return count;
  }
}

function sumBytes(appends: readonly PendingAppend[]): number {
  return appends.reduce((sum, { payload }) => sum + payload.length, 0);
}
