import { makeCheckpoint, recordDigest } from '@millrace/checkpoint';
import { ADDRESS_ZERO, type Address } from '@millrace/model';
import type { Clock } from '@millrace/runtime';
import { MemoryStateStore } from '@millrace/state/memory';
import type { Store } from '@millrace/store';
import { TOPIC_EVENTS } from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import { describeState } from '@millrace/transformer';
import { FOLD_VERSION, newPartitionHead, PartitionFold } from '@millrace/transformer/fold';
import { takePages, TEST_LOG_ID, type LoggedRecord } from '@millrace/transformer/testing';
import {
  decodeEventsRecord,
  decodeSeriesRecord,
  encodeEventsRecord,
  SeriesRecordBuilder,
} from '@millrace/wire';
import { onlyNewest } from '@millrace/wire/testing';

interface LivePartition {
  fold: PartitionFold;
  builder: SeriesRecordBuilder;
  state: MemoryStateStore;
  from: Address;
}

const SOURCE = { logId: TEST_LOG_ID, logNumber: 1, source: 'live' };

/** A log in memory that is folded and stored as it grows, as the stages do. */
export class LiveLog {
  readonly log: MemoryLog;
  readonly #store: Store;
  readonly #partitions: LivePartition[];
  #nowUs = 0;

  constructor(
    store: Store,
    { partitions, segmentBytes }: Readonly<{ partitions: number; segmentBytes?: number }>,
  ) {
    const clock: Clock = { nowUs: () => this.#nowUs, sleep: async () => undefined };
    const settings = segmentBytes === undefined ? {} : { segmentBytes, retentionMs: 0 };
    this.log = new MemoryLog({ partitions, clock, settings });
    this.#store = store;
    this.#partitions = Array.from({ length: partitions }, () => {
      const builder = new SeriesRecordBuilder(
        { ...SOURCE, foldVersion: FOLD_VERSION },
        ADDRESS_ZERO,
        20_000,
      );
      const fold = new PartitionFold(newPartitionHead(TEST_LOG_ID, 1), undefined, builder);
      return { fold, builder, state: new MemoryStateStore(), from: ADDRESS_ZERO };
    });
  }

  /** Appends, folds and applies; makes checkpoints at some positions. */
  async append(
    partition: number,
    records: readonly LoggedRecord[],
    checkpoints: readonly number[] = [],
  ): Promise<void> {
    const live = this.#partitions[partition]!;
    for (const { record, appendTimeUs } of records) {
      this.#nowUs = appendTimeUs;
      const payload = encodeEventsRecord(record);
      this.log.partition(TOPIC_EVENTS, partition).append(payload);
      live.fold.apply(decodeEventsRecord(payload), appendTimeUs);
      live.fold.head.lastDigest = recordDigest(payload);
      if (checkpoints.includes(live.fold.head.position)) await this.#keepState(live, partition);
    }
    await this.#apply(live, partition);
  }

  async #apply(live: LivePartition, partition: number): Promise<void> {
    const key = { ...SOURCE, partition };
    if (live.from === ADDRESS_ZERO) await this.#store.openMark(key);
    live.builder.flush(live.fold.head.position);
    for (const { payload, to } of live.builder.sealed.splice(0)) {
      const entries = onlyNewest(decodeSeriesRecord(payload).entries);
      const { from } = live;
      const { outcome } = await this.#store.apply({ key, from, to, chunks: [entries] });
      if (outcome !== 'applied') throw new Error(`${outcome} at ${from.offset}`);
      live.from = to;
    }
  }

  /** Commits what changed, and makes a checkpoint of it. */
  async #keepState({ fold, state }: LivePartition, partition: number): Promise<void> {
    const committed = await state.load(partition);
    const { head, tables } = fold;
    await state.commit({
      partition,
      expected: committed && { logId: committed.logId, position: committed.position },
      next: { logId: head.logId, position: head.position },
      pages: takePages({ ...head }, tables),
    });
    const { log } = this;
    const stream = openMemoryStream(log);
    const producer = stream.producer();
    const sources = { state, producer, clock: log.clock, describe: describeState };
    await makeCheckpoint(sources, { partition, signal: new AbortController().signal });
    await stream.close();
  }
}
