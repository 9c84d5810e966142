import { ADDRESS_ZERO, compareAddress, formatAddress, type Address } from '@millrace/model';
import { MemoryStateStore, type MemoryStateDatabase } from '@millrace/state/memory';
import type { StateStore } from '@millrace/state';
import type { Store } from '@millrace/store';
import { createMemoryStore, type MemoryStoreDatabase } from '@millrace/store/memory';
import { TOPIC_SERIES } from '@millrace/stream';
import { decodeSeriesRecordHeader } from '@millrace/wire';
import type { RecordedLog } from './recorded-log.ts';

/** The store, and whoever looks at its marks each time something is applied. */
export function watchStore(
  database: MemoryStoreDatabase,
  onProblem: (problem: string) => void,
): Store {
  const store = createMemoryStore(database);
  return {
    ...store,
    apply: async (batch) => {
      const { partition, source, logId } = batch.key;
      const find = () =>
        database.marks.find(
          (one) => one.partition === partition && one.source === source && one.logId === logId,
        );
      const before = { ...find() };
      // One step: nothing else happens between the two looks.
      const applying = store.apply(batch);
      const after = find();
      const mark = formatAddress(after?.mark ?? ADDRESS_ZERO);
      const where = `partition ${partition}: the mark ${mark}`;
      if (before.mark !== undefined && after !== undefined) {
        if (compareAddress(after.mark, before.mark) < 0) onProblem(`${where} went back`);
        if ((after.watermarkUs ?? 0) < (before.watermarkUs ?? 0)) {
          onProblem(`partition ${partition}: the stored watermark went back`);
        }
      }
      const result = await applying;
      const isFrom = before.mark !== undefined && compareAddress(before.mark, batch.from) === 0;
      if (result.outcome === 'applied' && !isFrom) onProblem(`${where} was not where it began`);
      return result;
    },
  };
}

/** The state, and whoever checks that nothing is committed before it was published. */
export function watchState(
  database: MemoryStateDatabase,
  published: PublishedRanges,
  onProblem: (problem: string) => void,
): StateStore {
  const state = new MemoryStateStore(database);
  return {
    load: (partition) => state.load(partition),
    discardCorrupt: (partition) => state.discardCorrupt(partition),
    commit: async (commit) => {
      const { partition, expected, next } = commit;
      const before = database.partition(partition).position;
      const isExpected =
        before?.position === expected?.position && before?.logId === expected?.logId;
      const committing = state.commit(commit);
      const end = published.end(partition);
      const outcome = await committing;
      if (outcome !== 'committed') return outcome;
      const where = `partition ${partition}: the state at ${next.position}`;
      if (!isExpected) onProblem(`${where} replaced another than it followed`);
      if (next.position > end.offset) onProblem(`${where} was committed before it was published`);
      return outcome;
    },
    close: () => state.close(),
  };
}

/** How far `metrics.series` holds entries without a gap, in each partition. */
export class PublishedRanges {
  readonly #log: RecordedLog;
  readonly #ends: { read: number; end: Address }[];

  constructor(log: RecordedLog, partitions: number) {
    this.#log = log;
    this.#ends = Array.from({ length: partitions }, () => ({ read: 0, end: ADDRESS_ZERO }));
  }

  end(partition: number): Address {
    const known = this.#ends[partition]!;
    const records = this.#log.records(TOPIC_SERIES, partition, known.read);
    for (const { payload } of records) {
      const { from, to, source } = decodeSeriesRecordHeader(payload);
      known.read += 1;
      if (source !== 'live') continue;
      if (compareAddress(from, known.end) <= 0 && compareAddress(to, known.end) > 0) known.end = to;
    }
    return known.end;
  }
}
