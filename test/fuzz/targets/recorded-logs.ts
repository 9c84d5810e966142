import {
  logStart,
  newPartitionHead,
  PartitionFold,
  takePages,
  TEST_LOG_ID,
  TIGHT_SETTINGS,
  variedLog,
  FOLD_VERSIONS,
  type LoggedRecord,
} from '@millrace/transformer/testing';
import { decodeEventsRecord, encodeEventsRecord, SeriesRecordBuilder } from '@millrace/wire';

/** What folding a log made: what real stages wrote. */
export interface RecordedLog {
  events: readonly LoggedRecord[];
  /** Payloads of `metrics.series`. */
  series: readonly Uint8Array[];
  /** The state after the last record, by key. */
  pages: ReadonlyMap<string, Uint8Array>;
}

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];
const RECORDS = 40;
const SERIES_BYTES_MAX = 4000;

let recorded: readonly RecordedLog[] | undefined;

/** Logs full of everything, each folded once. */
export function recordedLogs(): readonly RecordedLog[] {
  return (recorded ??= [
    record(logStart()),
    ...SEEDS.map((seed) => {
      const settings = seed % 2 === 0 ? TIGHT_SETTINGS : {};
      return record(variedLog(seed, { records: RECORDS, changes: 0.1, settings }));
    }),
  ]);
}

function record(events: readonly LoggedRecord[]): RecordedLog {
  const foldVersion = FOLD_VERSIONS.at(-1)!;
  const head = { logId: TEST_LOG_ID, logNumber: 1, source: 'live', foldVersion };
  const builder = new SeriesRecordBuilder(head, { offset: 0, ordinal: 0 }, SERIES_BYTES_MAX);
  const fold = new PartitionFold(newPartitionHead(TEST_LOG_ID, 1), undefined, builder);
  for (const [i, { record: one, appendTimeUs }] of events.entries()) {
    fold.apply(decodeEventsRecord(encodeEventsRecord(one)), appendTimeUs);
    if (i % 4 === 3) builder.flush(fold.head.position);
  }
  builder.flush(fold.head.position);
  const pages = new Map<string, Uint8Array>();
  for (const [key, page] of takePages(fold.head, fold.tables)) {
    if (page !== undefined) pages.set(key, Uint8Array.from(page));
  }
  return { events, series: builder.sealed.map(({ payload }) => payload.slice()), pages };
}
