import { misuse, STREAM_CODES, StreamError } from '../stream-error.ts';
import { partitionsOf, TOPICS, type Topic } from '../stream.ts';

/** What the owner of a partition tells every reader, in any thread. */
export interface PublishedEnd {
  /** First offset still held. */
  start: number;
  /** Next offset that will be flushed. */
  end: number;
  /** The open segment's base offset, and up to which of its bytes it is flushed. */
  base: number;
  flushedBytes: number;
}

/**
 * The shared memory, one slot for each topic and partition after a header:
 *
 * ```
 * header   | partitions int32 | reserved int32 |
 * slot     | version int32 | owned int32 | ends 0: 4 x float64 | ends 1: 4 x float64 |
 * ```
 *
 * The owner writes the ends that are not current, then counts the version up, which makes them
 * current and is what readers sleep on. A reader copies the current ends and looks whether the
 * version is still the same: the copy can only be mixed when it is not. Nobody ever spins on an
 * owner that was put to sleep halfway, as with a lock. Version 0: nothing published yet.
 */
const HEADER_BYTES = 8;
const SLOT_BYTES = 8 + 2 * 4 * 8;

/** Shared memory for all threads that open one log; the same for each of them. */
export function createSegmentShared(partitions: number): SharedArrayBuffer {
  const slots = slotsBefore(undefined, partitions);
  const shared = new SharedArrayBuffer(HEADER_BYTES + slots * SLOT_BYTES);
  new Int32Array(shared)[0] = partitions;
  return shared;
}

/** How many slots the topics before `topic` take; all of them, without one. */
function slotsBefore(topic: Topic | undefined, partitions: number): number {
  const before = topic === undefined ? TOPICS : TOPICS.slice(0, TOPICS.indexOf(topic));
  return before.reduce((sum, one) => sum + partitionsOf(one, partitions), 0);
}

/** One partition's slot. */
export class SharedSlot {
  /** Version and owned. */
  readonly words: Int32Array;
  readonly #ends: Float64Array;

  constructor(shared: SharedArrayBuffer, topic: Topic, partition: number) {
    const partitions = new Int32Array(shared)[0]!;
    const slot = slotsBefore(topic, partitions) + partition;
    const at = HEADER_BYTES + slot * SLOT_BYTES;
    this.words = new Int32Array(shared, at, 2);
    this.#ends = new Float64Array(shared, at + 8, 8);
  }

  get version(): number {
    return Atomics.load(this.words, 0);
  }

  /** Undefined while no owner has opened the partition. */
  read(): PublishedEnd | undefined {
    for (;;) {
      const version = this.version;
      if (version === 0) return undefined;
      const at = (version & 1) * 4;
      const ends = this.#ends;
      const published = {
        start: ends[at]!,
        end: ends[at + 1]!,
        base: ends[at + 2]!,
        flushedBytes: ends[at + 3]!,
      };
      if (this.version === version) return published;
    }
  }

  /** Only the owner calls this. */
  publish(published: PublishedEnd): void {
    const version = this.version;
    // It wraps after some weeks. Never to 0, and the lowest bit must alternate all the same.
    const next = version >= 2 ** 31 - 2 ? 1 + (version & 1) : version + 1;
    const at = (next & 1) * 4;
    this.#ends[at] = published.start;
    this.#ends[at + 1] = published.end;
    this.#ends[at + 2] = published.base;
    this.#ends[at + 3] = published.flushedBytes;
    Atomics.store(this.words, 0, next);
    Atomics.notify(this.words, 0);
  }

  /** @throws StreamError STREAM_OWNED when a thread of this process appends to it already. */
  claim(where: string): void {
    if (Atomics.compareExchange(this.words, 1, 0, 1) === 0) return;
    throw new StreamError({
      code: STREAM_CODES.owned,
      message: `${where}: another thread appends to it; two would destroy each other's records.`,
      remedy: 'Report this as a bug of Millrace, and restart the process.',
    });
  }

  disclaim(): void {
    Atomics.store(this.words, 1, 0);
  }
}

/**
 * Lets another thread own a topic whose owner is gone without closing. Only for the one that saw
 * that thread's exit: taken from a living owner, the topic is destroyed.
 */
export function disownTopic(shared: SharedArrayBuffer, topic: Topic): void {
  const partitions = new Int32Array(shared)[0]!;
  for (let partition = 0; partition < partitionsOf(topic, partitions); partition += 1) {
    new SharedSlot(shared, topic, partition).disclaim();
  }
}

/** @throws StreamError STREAM_MISUSE when the shared memory is for another number. */
export function checkShared(shared: SharedArrayBuffer, partitions: number): void {
  const made = new Int32Array(shared)[0]!;
  if (made === partitions) return;
  throw misuse(`The shared memory is made for ${made} partitions, not for ${partitions}.`);
}
