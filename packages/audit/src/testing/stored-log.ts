import { makeCheckpoint, recordDigest } from '@millrace/checkpoint';
import { ADDRESS_ZERO } from '@millrace/model';
import { readCompiledRules, withoutEdition } from '@millrace/rules';
import type { Clock } from '@millrace/runtime';
import {
  createMemoryStore,
  createMemoryStoreReader,
  MemoryStoreDatabase,
} from '@millrace/store/memory';
import type { StoreRepairer } from '@millrace/store';
import { MemoryStateStore } from '@millrace/state/memory';
import {
  TOPIC_CHECKPOINTS,
  TOPIC_CONTROL,
  TOPIC_EVENTS,
  TOPIC_SERIES,
  type Topic,
} from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import { describeState } from '@millrace/transformer';
import { FOLD_VERSION, newPartitionHead, PartitionFold } from '@millrace/transformer/fold';
import { takePages, TEST_LOG_ID, type LoggedRecord } from '@millrace/transformer/testing';
import {
  ControlRecordKind,
  decodeEventsRecord,
  decodeSeriesRecord,
  encodeControlRecord,
  encodeEventsRecord,
  EventsRecordKind,
  SeriesRecordBuilder,
} from '@millrace/wire';
import { onlyNewest } from '@millrace/wire/testing';
import { audit } from '../audit.ts';
import type { AuditProgress } from '../audit-parts.ts';
import { AUDIT_DEFAULTS, type AuditSettings } from '../audit-settings.ts';
import {
  replay,
  REPLAY_DEFAULTS,
  type ReplayReport,
  type ReplaySettings,
} from '../replay/replay.ts';
import type { AuditReport } from '../report.ts';

/** A log in memory, and all that the production fold makes of it in a store in memory. */
export interface StoredLog {
  log: MemoryLog;
  database: MemoryStoreDatabase;
  /** Audits the store against its log, or against another one. */
  run(
    settings?: Partial<AuditSettings>,
    other?: MemoryLog,
    onProgress?: (progress: AuditProgress) => void,
  ): Promise<AuditReport>;
  /** Replays the log against the store. */
  replay(
    settings?: Partial<ReplaySettings>,
    parts?: Readonly<{ log?: MemoryLog; repairer?: StoreRepairer }>,
  ): Promise<ReplayReport>;
  /** The same log, but for one record. */
  copy(params: Readonly<{ without: Readonly<{ topic: Topic; offset: number }> }>): MemoryLog;
  /** Writes the rules of the log into `metrics.control`. */
  beginControl(): void;
}

interface StoredLogOptions {
  /** Records of the log that are applied; all unless it is said. */
  applied?: number;
  /** Entries go into records of so many bytes. */
  recordBytesMax?: number;
  /** Series records of each partition that are applied. */
  seriesRecords?: number;
  /** Positions at which checkpoints are made, in each partition. */
  checkpoints?: readonly number[];
  /** Of segments of the log: what lies in closed ones can be released. */
  segmentBytes?: number;
}

/** One list of records for each partition. */
export async function storeLog(
  partitions: readonly (readonly LoggedRecord[])[],
  options: StoredLogOptions = {},
): Promise<StoredLog> {
  let nowUs = 0;
  const clock: Clock = { nowUs: () => nowUs, sleep: async () => undefined };
  const { segmentBytes } = options;
  const settings = segmentBytes === undefined ? {} : { segmentBytes, retentionMs: 0 };
  const log = new MemoryLog({ partitions: partitions.length, clock, settings });
  const database = new MemoryStoreDatabase();
  for (const [partition, records] of partitions.entries()) {
    for (const { record, appendTimeUs } of records) {
      nowUs = appendTimeUs;
      log.partition(TOPIC_EVENTS, partition).append(encodeEventsRecord(record));
    }
    await applyPartition({ log, database }, partition, options);
  }
  return {
    log,
    database,
    replay: async (wanted = {}, { log: other = log, repairer } = {}) => {
      const stream = openMemoryStream(other);
      const store = createMemoryStoreReader(database);
      const parts = { stream, store, clock };
      const all = { ...REPLAY_DEFAULTS, logWaitMsMax: 500, ...wanted };
      try {
        return await replay(repairer === undefined ? parts : { ...parts, repairer }, all);
      } finally {
        await stream.close();
      }
    },
    copy: ({ without }) => {
      const other = new MemoryLog({ partitions: partitions.length, clock, settings });
      for (const topic of [TOPIC_EVENTS, TOPIC_SERIES, TOPIC_CHECKPOINTS] as const) {
        for (const partition of partitions.keys()) {
          for (const record of log.partition(topic, partition).read(0, Infinity)) {
            nowUs = record.appendTimeUs;
            const isLeftOut = topic === without.topic && record.offset === without.offset;
            if (!isLeftOut) other.partition(topic, partition).append(record.payload);
          }
        }
      }
      return other;
    },
    beginControl: () => beginControl(log, partitions[0]!),
    run: async (wanted = {}, other = log, onProgress = () => undefined) => {
      const stream = openMemoryStream(other);
      const store = createMemoryStoreReader(database);
      const all = { ...AUDIT_DEFAULTS, logWaitMsMax: 500, ...wanted };
      try {
        return await audit({ stream, store, clock, onProgress }, all);
      } finally {
        await stream.close();
      }
    },
  };
}

/** Folds, puts out, and applies what was put out, as the stages do. */
async function applyPartition(
  { log, database }: Pick<StoredLog, 'log' | 'database'>,
  partition: number,
  options: StoredLogOptions,
): Promise<void> {
  const { applied, recordBytesMax = 800_000, seriesRecords = Infinity, checkpoints = [] } = options;
  const head = { logId: TEST_LOG_ID, logNumber: 1, source: 'live' };
  const state = new MemoryStateStore();
  const builder = new SeriesRecordBuilder(
    { ...head, foldVersion: FOLD_VERSION },
    ADDRESS_ZERO,
    recordBytesMax,
  );
  const fold = new PartitionFold(newPartitionHead(TEST_LOG_ID, 1), undefined, builder);
  const records = log.partition(TOPIC_EVENTS, partition).read(0, Infinity);
  for (const { payload, appendTimeUs } of records.slice(0, applied)) {
    fold.apply(decodeEventsRecord(payload), appendTimeUs);
    fold.head.lastDigest = recordDigest(payload);
    if (fold.head.position % 7 === 0) builder.flush(fold.head.position);
    if (checkpoints.includes(fold.head.position)) await keepState({ log, state, fold }, partition);
  }
  builder.flush(fold.head.position);
  const store = createMemoryStore(database);
  const key = { ...head, partition };
  await store.openMark(key);
  let from = ADDRESS_ZERO;
  for (const { payload, to } of builder.sealed.slice(0, seriesRecords)) {
    log.partition(TOPIC_SERIES, partition).append(payload);
    const entries = onlyNewest(decodeSeriesRecord(payload).entries);
    const { outcome } = await store.apply({ key, from, to, chunks: [entries] });
    if (outcome !== 'applied') throw new Error(`${outcome} at ${from.offset}`);
    from = to;
  }
}

/** Commits what changed, and makes a checkpoint of it. */
async function keepState(
  { log, state, fold }: Readonly<{ log: MemoryLog; state: MemoryStateStore; fold: PartitionFold }>,
  partition: number,
): Promise<void> {
  const committed = await state.load(partition);
  const { head, tables } = fold;
  await state.commit({
    partition,
    expected: committed && { logId: committed.logId, position: committed.position },
    next: { logId: head.logId, position: head.position },
    pages: takePages({ ...head }, tables),
  });
  const stream = openMemoryStream(log);
  const sources = { state, producer: stream.producer(), clock: log.clock, describe: describeState };
  await makeCheckpoint(sources, { partition, signal: new AbortController().signal });
  await stream.close();
}

/** The version that the first barrier of the records brings. */
function beginControl(log: MemoryLog, records: readonly LoggedRecord[]): void {
  const barrier = records
    .map(({ record }) => record)
    .find((record) => record.kind === EventsRecordKind.barrier);
  if (barrier === undefined) throw new Error('there is no barrier');
  const { foldVersion, settings } = barrier;
  const { rules } = readCompiledRules(barrier.rules);
  const control = log.partition(TOPIC_CONTROL, 0);
  const begin = { logId: TEST_LOG_ID, partitions: log.partitions, firstNumber: 0 };
  control.append(encodeControlRecord({ kind: ControlRecordKind.log, ...begin }));
  const editions = rules.map((rule) => {
    const record = { kind: ControlRecordKind.edition, rule: withoutEdition(rule) };
    return control.append(encodeControlRecord(record)).offset;
  });
  const version = { after: 0, editions, foldVersion, settings, source: '', appliedAtUs: 0 };
  control.append(encodeControlRecord({ kind: ControlRecordKind.rules, ...version }));
}
