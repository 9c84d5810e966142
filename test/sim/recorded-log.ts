import {
  TOPIC_EVENTS,
  TOPIC_SERIES,
  type Producer,
  type Stream,
  type StreamRecord,
  type Topic,
} from '@millrace/stream';
import { openMemoryStream, type MemoryLog } from '@millrace/stream/memory';

/** A log that may forget, and all that ever was appended to it. */
export class RecordedLog {
  readonly #log: MemoryLog;
  readonly #records = new Map<string, StreamRecord[]>();

  constructor(log: MemoryLog) {
    this.#log = log;
  }

  /** The records of a partition from an offset on, also those that are forgotten. */
  records(topic: Topic, partition: number, from = 0): readonly StreamRecord[] {
    return this.#of(topic, partition).slice(from);
  }

  end(topic: Topic, partition: number): number {
    return this.#of(topic, partition).length;
  }

  open(): Stream {
    const stream = openMemoryStream(this.#log);
    return {
      partitions: stream.partitions,
      producer: () => this.#producer(stream.producer()),
      reader: (topic, partition, position) => stream.reader(topic, partition, position),
      bounds: (topic, partition) => stream.bounds(topic, partition),
      release: (topic, partition, position) => stream.release(topic, partition, position),
      close: () => stream.close(),
    };
  }

  #producer(producer: Producer): Producer {
    return {
      append: async (topic, partition, payload) => {
        const copy = payload.slice();
        const result = await producer.append(topic, partition, payload);
        if (topic === TOPIC_EVENTS || topic === TOPIC_SERIES) {
          // Answers may come in another order than the records.
          this.#of(topic, partition)[result.offset] = { ...result, payload: copy };
        }
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
