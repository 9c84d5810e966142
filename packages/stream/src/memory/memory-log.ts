import type { Clock } from '@millrace/runtime';
import { countReleasable, retentionOf, type ClosedSegment } from '../retention.ts';
import type { StreamSettings } from '../stream-settings.ts';
import { DEFAULT_STREAM_SETTINGS } from '../stream-settings.ts';
import {
  partitionsOf,
  TOPIC_CHECKPOINTS,
  TOPIC_CONTROL,
  TOPIC_EVENTS,
  TOPIC_SERIES,
  type AppendResult,
  type PartitionBounds,
  type StreamRecord,
  type Topic,
} from '../stream.ts';
import { WakeUps } from '../wake-ups.ts';

/** One partition in memory: what is in `records` counts as flushed. */
export class MemoryPartition {
  readonly wakeUps: WakeUps = new WakeUps();
  readonly #clock: Clock;
  readonly #settings: StreamSettings;
  readonly #closed: ClosedSegment[] = [];
  /** The records held, the first of them at offset `#start`. */
  #records: StreamRecord[] = [];
  #start = 0;
  #tailBase = 0;
  #tailBytes = 0;

  constructor(clock: Clock, settings: StreamSettings) {
    this.#clock = clock;
    this.#settings = settings;
  }

  get bounds(): PartitionBounds {
    return { start: this.#start, end: this.#start + this.#records.length };
  }

  get bytes(): number {
    return this.#closed.reduce((sum, segment) => sum + segment.bytes, this.#tailBytes);
  }

  /** Makes a copy of the record durable and wakes the readers. */
  append(payload: Uint8Array): AppendResult {
    const appendTimeUs = this.#clock.nowUs();
    if (this.#tailBytes + payload.length > this.#settings.segmentBytes) {
      this.#closeTail(appendTimeUs);
    }
    const { end: offset } = this.bounds;
    this.#records.push({ offset, appendTimeUs, payload: new Uint8Array(payload) });
    this.#tailBytes += payload.length;
    this.wakeUps.wake();
    return { offset, appendTimeUs };
  }

  read(position: number, bytesMax: number): StreamRecord[] {
    const records: StreamRecord[] = [];
    let bytes = 0;
    for (let i = position - this.#start; i < this.#records.length; i += 1) {
      const record = this.#records[i]!;
      bytes += record.payload.length;
      if (bytes > bytesMax && records.length > 0) break;
      // A copy: a reader that changes what it got must not change the log.
      records.push({ ...record, payload: record.payload.slice() });
    }
    return records;
  }

  release(position: number): void {
    const count = countReleasable({
      closed: this.#closed,
      position,
      nowUs: this.#clock.nowUs(),
      partitionBytes: this.bytes,
      settings: this.#settings,
    });
    const last = this.#closed.splice(0, count).at(-1);
    if (last === undefined) return;
    this.#records = this.#records.slice(last.end - this.#start);
    this.#start = last.end;
  }

  /** Forgets all there is, whatever its retention: what had it in its keeping lost it. */
  lose(): void {
    this.#start = this.bounds.end;
    this.#records = [];
    this.#closed.length = 0;
    this.#tailBase = this.#start;
    this.#tailBytes = 0;
  }

  #closeTail(closedAtUs: number): void {
    const { end } = this.bounds;
    if (end === this.#tailBase) return;
    this.#closed.push({ base: this.#tailBase, end, bytes: this.#tailBytes, closedAtUs });
    this.#tailBase = end;
    this.#tailBytes = 0;
  }
}

/** A log in memory. It outlives the streams opened on it, as files outlive a process. */
export class MemoryLog {
  readonly partitions: number;
  readonly clock: Clock;
  readonly settings: Readonly<StreamSettings>;
  readonly #topics: Readonly<Record<Topic, readonly MemoryPartition[]>>;

  constructor(
    params: Readonly<{ partitions: number; clock: Clock; settings?: Partial<StreamSettings> }>,
  ) {
    this.partitions = params.partitions;
    this.clock = params.clock;
    this.settings = { ...DEFAULT_STREAM_SETTINGS, ...params.settings };
    const create = (topic: Topic): MemoryPartition[] =>
      Array.from(
        { length: partitionsOf(topic, this.partitions) },
        () =>
          new MemoryPartition(this.clock, {
            ...this.settings,
            ...retentionOf(topic, this.settings),
          }),
      );
    this.#topics = {
      [TOPIC_EVENTS]: create(TOPIC_EVENTS),
      [TOPIC_SERIES]: create(TOPIC_SERIES),
      [TOPIC_CONTROL]: create(TOPIC_CONTROL),
      [TOPIC_CHECKPOINTS]: create(TOPIC_CHECKPOINTS),
    };
  }

  partition(topic: Topic, partition: number): MemoryPartition {
    return this.#topics[topic][partition]!;
  }

  topicBytes(topic: Topic): number {
    return this.#topics[topic].reduce((sum, partition) => sum + partition.bytes, 0);
  }
}
