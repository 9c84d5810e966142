import { settlingProducer } from '../settling-producer.ts';
import {
  checkPartition,
  checkReleasable,
  closedStream,
  misuse,
  outOfRange,
  overloaded,
  partitionName,
  recordTooLarge,
  topicFull,
} from '../stream-error.ts';
import type {
  AppendResult,
  PartitionBounds,
  PartitionReader,
  Producer,
  Stream,
  StreamRecord,
  Topic,
} from '../stream.ts';
import type { MemoryLog } from './memory-log.ts';

/**
 * A stream on a log in memory, for unit tests and the simulator. No timers of its own: a record is
 * flushed a microtask after its append, a reader waits by the log's clock or is woken by an
 * append. Several streams may share one log; closing one is how a process dies.
 */
export function openMemoryStream(log: MemoryLog): Stream {
  return new MemoryStream(log);
}

class MemoryStream implements Stream {
  readonly partitions: number;
  readonly #log: MemoryLog;
  readonly #inFlight = new Map<Topic, InFlight>();
  readonly #readers = new Set<MemoryReader>();
  #closed = false;

  constructor(log: MemoryLog) {
    this.#log = log;
    this.partitions = log.partitions;
  }

  producer(): Producer {
    return settlingProducer((topic, partition, payload) => {
      return this.#append(topic, partition, payload);
    });
  }

  reader(topic: Topic, partition: number, position: number): PartitionReader {
    checkPartition(topic, partition, this.partitions);
    const reader = new MemoryReader({
      log: this.#log,
      topic,
      partition,
      position,
      onClose: () => this.#readers.delete(reader),
    });
    if (this.#closed) void reader.close();
    else this.#readers.add(reader);
    return reader;
  }

  async bounds(topic: Topic, partition: number): Promise<PartitionBounds> {
    this.#check(topic, partition);
    return this.#log.partition(topic, partition).bounds;
  }

  async release(topic: Topic, partition: number, position: number): Promise<void> {
    this.#check(topic, partition);
    checkReleasable(topic);
    this.#log.partition(topic, partition).release(position);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#readers].map((reader) => reader.close()));
  }

  #check(topic: Topic, partition: number): void {
    if (this.#closed) throw closedStream('The log in memory');
    checkPartition(topic, partition, this.partitions);
  }

  async #append(topic: Topic, partition: number, payload: Uint8Array): Promise<AppendResult> {
    this.#check(topic, partition);
    const { settings } = this.#log;
    const where = partitionName(topic, partition);
    if (payload.length > settings.recordBytesMax) {
      throw recordTooLarge(where, payload.length, settings.recordBytesMax);
    }
    const topicBytes = this.#log.topicBytes(topic);
    if (settings.topicBytesMax > 0 && topicBytes + payload.length > settings.topicBytesMax) {
      throw topicFull(topic, topicBytes, settings.topicBytesMax);
    }
    const inFlight = this.#inFlight.get(topic) ?? { bytes: 0 };
    this.#inFlight.set(topic, inFlight);
    if (inFlight.bytes > 0 && inFlight.bytes + payload.length > settings.inFlightBytesMax) {
      throw overloaded(where, settings.inFlightBytesMax);
    }
    inFlight.bytes += payload.length;
    try {
      await Promise.resolve();
      // The process died in between: its record never reached the log.
      if (this.#closed) throw closedStream(where);
      return this.#log.partition(topic, partition).append(payload);
    } finally {
      inFlight.bytes -= payload.length;
    }
  }
}

interface InFlight {
  bytes: number;
}

class MemoryReader implements PartitionReader {
  readonly #params: ReaderParams;
  #position: number;
  #end: number | undefined;
  #busy = false;
  #closed = false;

  constructor(params: ReaderParams) {
    this.#params = params;
    this.#position = params.position;
  }

  get end(): number | undefined {
    return this.#end;
  }

  async next(
    params: Readonly<{ bytesMax: number; waitMs: number; signal?: AbortSignal }>,
  ): Promise<readonly StreamRecord[]> {
    const { log, topic, partition } = this.#params;
    const where = partitionName(topic, partition);
    if (this.#busy) throw misuse(`${where}: next was called before the last one settled.`);
    this.#busy = true;
    try {
      const held = log.partition(topic, partition);
      await held.wakeUps.wait({
        clock: log.clock,
        waitMs: params.waitMs,
        signal: params.signal,
        ready: () => this.#isReady(held.bounds),
      });
      const isReady = this.#isReady(held.bounds);
      this.#end = held.bounds.end;
      if (!isReady) return [];
      const records = held.read(this.#position, params.bytesMax);
      this.#position += records.length;
      return records;
    } finally {
      this.#busy = false;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const { log, topic, partition, onClose } = this.#params;
    onClose();
    log.partition(topic, partition).wakeUps.wake();
  }

  #isReady(bounds: PartitionBounds): boolean {
    const where = partitionName(this.#params.topic, this.#params.partition);
    if (this.#closed) throw closedStream(`The reader of ${where}`);
    if (this.#position < bounds.start || this.#position > bounds.end) {
      throw outOfRange(where, this.#position, bounds);
    }
    return this.#position < bounds.end;
  }
}

type ReaderParams = Readonly<{
  log: MemoryLog;
  topic: Topic;
  partition: number;
  position: number;
  onClose: () => void;
}>;
