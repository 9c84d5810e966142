/**
 * The log as the stages see it: topics of partitions, each an append-only sequence of records
 * with consecutive offsets. Stages meet only here.
 */

/**
 * Events, series and checkpoints have P partitions each, numbered from 0; partition p of one
 * belongs to p of the others. Control has one, 0: rules and editions. Nothing of it is ever
 * released.
 */
export const TOPIC_EVENTS = 'metrics.events';
export const TOPIC_SERIES = 'metrics.series';
export const TOPIC_CONTROL = 'metrics.control';
export const TOPIC_CHECKPOINTS = 'metrics.checkpoints';
export type Topic =
  typeof TOPIC_EVENTS | typeof TOPIC_SERIES | typeof TOPIC_CONTROL | typeof TOPIC_CHECKPOINTS;
export const TOPICS: readonly Topic[] = [
  TOPIC_EVENTS,
  TOPIC_SERIES,
  TOPIC_CONTROL,
  TOPIC_CHECKPOINTS,
];

/** How many partitions a topic has in a log of P = `partitions`. */
export function partitionsOf(topic: Topic, partitions: number): number {
  return topic === TOPIC_CONTROL ? 1 : partitions;
}

export interface StreamRecord {
  offset: number;
  /** The log's own clock at the append, in microseconds. May step back. */
  appendTimeUs: number;
  /** Valid until the next call of `next` on the same reader; copy what must live longer. */
  payload: Uint8Array;
}

/** `start`: the first offset still held. `end`: the next offset that will be flushed. */
export interface PartitionBounds {
  start: number;
  end: number;
}

export interface AppendResult {
  offset: number;
  appendTimeUs: number;
}

export interface Producer {
  /**
   * Appends one record. Resolves when it is durable (flushed, or replicated), with its offset;
   * appends of one partition become durable in the order of the calls. Rejects with a
   * transient `StreamError` when the log cannot take it now (full, closed, broken): the record
   * may then still appear, once, in the log. The payload must not change until it settles.
   * Rejects at once with STREAM_OVERLOADED while more than the bound of bytes is in flight.
   */
  append(topic: Topic, partition: number, payload: Uint8Array): Promise<AppendResult>;
  close(): Promise<void>;
}

export interface PartitionReader {
  /**
   * The end of the partition as the last answer of `next` told it (an empty one tells it too),
   * without asking. Never below what was read; a log that reads ahead may tell that of a moment
   * before. Undefined before the first answer.
   */
  readonly end: number | undefined;
  /**
   * The next records in offset order, as many as fit `bytesMax` (at least one when there is
   * one). Waits up to `waitMs` for the first; resolves with none when nothing came.
   * Never returns a record that is not durable. Rejects with STREAM_OUT_OF_RANGE when the
   * position is no longer held or lies beyond the end, with STREAM_CORRUPT (permanent) when
   * bytes that were flushed fail their check, and when `signal` aborts, with its reason.
   */
  next(
    params: Readonly<{ bytesMax: number; waitMs: number; signal?: AbortSignal }>,
  ): Promise<readonly StreamRecord[]>;
  close(): Promise<void>;
}

export interface Stream {
  /** P, fixed for a log. */
  readonly partitions: number;
  producer(): Producer;
  /** A reader whose first record has offset `position`. */
  reader(topic: Topic, partition: number, position: number): PartitionReader;
  bounds(topic: Topic, partition: number): Promise<PartitionBounds>;
  /**
   * Lets the log forget whole segments below `position` that are also older or bigger than
   * its retention. Without a call nothing is ever forgotten. Of `metrics.control` nothing is:
   * releasing it is a defect (STREAM_MISUSE). `metrics.checkpoints` has no retention: what is
   * released of it may go at once.
   */
  release(topic: Topic, partition: number, position: number): Promise<void>;
  close(): Promise<void>;
}
