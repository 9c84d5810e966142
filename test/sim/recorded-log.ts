import {
  TOPIC_CHECKPOINTS,
  TOPIC_EVENTS,
  TOPIC_SERIES,
  type PartitionBounds,
  type Producer,
  type Stream,
  type StreamRecord,
  type Topic,
} from '@millrace/stream';
import { openMemoryStream, type MemoryLog } from '@millrace/stream/memory';

const RECORDED: readonly Topic[] = [TOPIC_EVENTS, TOPIC_SERIES, TOPIC_CHECKPOINTS];

export interface RecordedLogParts {
  log: MemoryLog;
  /** Where a byte of a record is damaged on its way into the log; undefined: nowhere. */
  damage?: (topic: Topic, payload: Uint8Array) => number | undefined;
}

/** A log that may forget, and all that ever was appended to it. */
export class RecordedLog {
  readonly #parts: RecordedLogParts;
  readonly #records = new Map<string, StreamRecord[]>();
  readonly #damaged = new Set<string>();
  /** Told when a partition may have forgotten something. */
  onRelease: (topic: Topic, partition: number) => void = () => undefined;

  constructor(parts: RecordedLogParts) {
    this.#parts = parts;
  }

  /** The records of a partition from an offset on, also those that are forgotten. */
  records(topic: Topic, partition: number, from = 0): readonly StreamRecord[] {
    return this.#of(topic, partition).slice(from);
  }

  end(topic: Topic, partition: number): number {
    return this.#of(topic, partition).length;
  }

  /** What is held now. */
  bounds(topic: Topic, partition: number): PartitionBounds {
    return this.#parts.log.partition(topic, partition).bounds;
  }

  isDamaged(topic: Topic, partition: number, offset: number): boolean {
    return this.#damaged.has(`${topic} ${partition} ${offset}`);
  }

  get damagedCount(): number {
    return this.#damaged.size;
  }

  /** All of a partition is gone at once, whether or not anybody still needs it. */
  lose(topic: Topic, partition: number): void {
    this.#parts.log.partition(topic, partition).lose();
  }

  open(): Stream {
    const stream = openMemoryStream(this.#parts.log);
    return {
      partitions: stream.partitions,
      producer: () => this.#producer(stream.producer()),
      reader: (topic, partition, position) => stream.reader(topic, partition, position),
      bounds: (topic, partition) => stream.bounds(topic, partition),
      release: async (topic, partition, position) => {
        // One step: nothing else happens between the two.
        const releasing = stream.release(topic, partition, position);
        this.onRelease(topic, partition);
        await releasing;
      },
      close: () => stream.close(),
    };
  }

  #producer(producer: Producer): Producer {
    return {
      append: async (topic, partition, payload) => {
        const copy = payload.slice();
        const at = this.#parts.damage?.(topic, copy);
        if (at !== undefined) copy[at]! ^= 0x11;
        const result = await producer.append(topic, partition, copy);
        if (RECORDED.includes(topic)) {
          // Answers may come in another order than the records.
          this.#of(topic, partition)[result.offset] = { ...result, payload: copy };
        }
        if (at !== undefined) this.#damaged.add(`${topic} ${partition} ${result.offset}`);
        return result;
      },
      close: () => producer.close(),
    };
  }

  #of(topic: Topic, partition: number): StreamRecord[] {
    const name = `${topic} ${partition}`;
    const known = this.#records.get(name);
    if (known !== undefined) return known;
    const created: StreamRecord[] = [];
    this.#records.set(name, created);
    return created;
  }
}
