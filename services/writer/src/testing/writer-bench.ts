import {
  createMeter,
  silentLog,
  systemClock,
  type Log,
  type PartitionedStage,
} from '@millrace/runtime';
import type { Store, StoreBatch } from '@millrace/store';
import { createMemoryStore, MemoryStoreDatabase } from '@millrace/store/memory';
import { TOPIC_EVENTS, TOPIC_SERIES, type Stream } from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import { encodeEventsRecord, EventsRecordKind, type SealedRecord } from '@millrace/wire';
import { createWriter, type WriterComponents } from '../writer.ts';
import type { WriterSettings } from '../settings.ts';
import { TEST_LOG_ID } from './entry-sequence.ts';

const QUICK: Partial<WriterSettings> = {
  readWaitMs: 20,
  retryMsMin: 1,
  retryMsMax: 4,
  observeMs: 2,
  releaseMs: 3_600_000,
  stopMsMax: 5_000,
};

/** A log and a database that writers come and go on. */
export class WriterBench {
  readonly log: MemoryLog;
  readonly stream: Stream;
  readonly database: MemoryStoreDatabase = new MemoryStoreDatabase();
  /** What was given to `apply` of `store`, applied or not. */
  readonly batches: StoreBatch[] = [];
  readonly store: Store;
  readonly #running: { writer: PartitionedStage; over: Promise<void> }[] = [];

  constructor(params: Readonly<{ partitions?: number; log?: MemoryLog }> = {}) {
    this.log =
      params.log ?? new MemoryLog({ partitions: params.partitions ?? 1, clock: systemClock });
    this.stream = openMemoryStream(this.log);
    const store = createMemoryStore(this.database);
    const apply: Store['apply'] = (batch) => {
      this.batches.push(batch);
      return store.apply(batch);
    };
    this.store = { ...store, apply };
  }

  /** Appends records to a partition, and as many events as their addresses speak of. */
  async append(records: readonly SealedRecord[], partition = 0): Promise<void> {
    const producer = this.stream.producer();
    for (const { payload, to } of records) {
      const { end } = await this.stream.bounds(TOPIC_EVENTS, partition);
      for (let offset = end; offset < to.offset; offset += 1) {
        const record = { kind: EventsRecordKind.log, logId: TEST_LOG_ID };
        await producer.append(TOPIC_EVENTS, partition, encodeEventsRecord(record));
      }
      await producer.append(TOPIC_SERIES, partition, payload);
    }
  }

  /** Starts a writer; its `over` is what `run` came to. */
  start(
    components: Partial<WriterComponents> & Readonly<{ log?: Log }> = {},
    settings: Parameters<typeof createWriter>[1] = {},
  ): { writer: PartitionedStage; over: Promise<void> } {
    const { stream, store } = this;
    const parts = { stream, store, clock: systemClock, log: silentLog, meter: createMeter() };
    const writer = createWriter({ ...parts, ...components }, { ...QUICK, ...settings });
    const over = writer.run();
    // What it came to is looked at by the test, possibly long after it happened.
    over.catch(() => undefined);
    this.#running.push({ writer, over });
    return { writer, over };
  }

  /** Stops every writer that still runs. */
  async stop(): Promise<void> {
    for (const { writer } of this.#running) await writer.stop();
    await Promise.allSettled(this.#running.map(({ over }) => over));
    await this.stream.close();
  }
}
