import { formatAddress } from '@millrace/model';
import { errorText, MillraceError, type Log, type Meter } from '@millrace/runtime';
import type { ApplyResult } from '@millrace/store';
import type { SeriesBatch } from './series-batch.ts';

/** Everything the writer logs and counts: one call for a batch, never one for a sample. */
export interface WriterEvents {
  started(partitions: number): void;
  stopping(): void;
  stopped(): void;
  /** Nobody waits any longer for a transaction under way of a partition to let go. */
  gaveUpWaiting(partition: number, waitedMs: number): void;
  /** The partition is not written here any more. */
  letGo(partition: number): void;
  /** The store's mark was read, and reading starts there. */
  began(at: Readonly<{ partition: number; position: number; mark: string }>): void;
  applied(batch: SeriesBatch, result: ApplyResult, seconds: number): void;
  /** Somebody else moved the mark: it is read again. */
  outrun(batch: SeriesBatch): void;
  /** The log or the store is away for a while. */
  retrying(failure: Readonly<{ partition: number; error: unknown; delayMs: number }>): void;
  /** It was looked whether the store is there again. */
  looked(isThere: boolean): void;
  /** Entries are missing in the log. */
  missing(partition: number, error: MillraceError): void;
  found(partition: number, offset: number): void;
  /** A partition cannot go on; the others do. */
  partitionStopped(partition: number, error: unknown): void;
  observed(partition: number, seen: Readonly<{ lagMs: number; behindRecords: number }>): void;
  released(seconds: number): void;
  releaseFailed(error: unknown): void;
  observeFailed(error: unknown): void;
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const ENTRIES = [1, 10, 100, 1000, 5000, 10_000, 25_000, 50_000, 100_000];

export function createWriterEvents(log: Log, meter: Meter): WriterEvents {
  const metrics = writerMetrics(meter);
  return {
    started: (partitions) => log.info({ partitions }, 'The writer has started.'),
    stopping: () => log.info({}, 'The writer finishes the transactions under way.'),
    stopped: () => log.info({}, 'The writer has stopped.'),
    gaveUpWaiting: (partition, waitedMs) =>
      log.warn(
        { partition, waitedMs },
        'A transaction took too long to wait for; the mark tells the next writer what it did.',
      ),
    letGo: (partition) => {
      metrics.lag.forget({ partition });
      metrics.behind.forget({ partition });
      log.info({ partition }, 'The writer let the partition go.');
    },
    began: (at) => log.info(at, 'The writer goes on from the mark of the store.'),
    applied: (batch, result, seconds) => countApplied(metrics, batch, result, seconds),
    outrun: ({ key, from, to }) => {
      metrics.outruns.add(1);
      log.warn(
        { partition: key.partition, from: formatAddress(from), to: formatAddress(to) },
        'Somebody else has moved the mark of the store; it is read again.',
      );
    },
    retrying: ({ partition, error, delayMs }) => {
      metrics.retries.add(1, { code: codeOf(error) });
      log.warn(
        { partition, error: errorText(error), delayMs },
        'Nothing can be applied now; the log keeps everything and it is tried again.',
      );
    },
    looked: (isThere) => metrics.looks.add(1, { found: isThere ? 'yes' : 'no' }),
    missing: (partition, error) => {
      metrics.missing.add(1, { code: error.code });
      log.error(
        { partition, error: errorText(error), remedy: error.remedy },
        'Entries that the store needs next are missing in the log.',
      );
    },
    found: (partition, offset) =>
      log.info({ partition, offset }, 'The log holds the entries that the store needs next.'),
    partitionStopped: (partition, error) => {
      metrics.partitionsStopped.add(1, { code: codeOf(error) });
      const remedy = error instanceof MillraceError ? error.remedy : undefined;
      log.error(
        { partition, error: errorText(error), remedy },
        'The writer stopped a partition; the log keeps what it did not apply.',
      );
    },
    observed: (partition, { lagMs, behindRecords }) => {
      metrics.lag.set(lagMs, { partition });
      metrics.behind.set(behindRecords, { partition });
    },
    released: (seconds) => metrics.flushSeconds.observe(seconds),
    releaseFailed: (error) =>
      log.warn(
        { error: errorText(error) },
        'The log could not be told what it may forget; it is told again later.',
      ),
    observeFailed: (error) =>
      log.debug({ error: errorText(error) }, 'The end of the log could not be looked at.'),
  };
}

function countApplied(
  metrics: ReturnType<typeof writerMetrics>,
  batch: SeriesBatch,
  result: ApplyResult,
  seconds: number,
): void {
  const { open, finals } = batch.pieces;
  const others = new Map([
    ['open', open.count],
    ['finals', finals.count],
  ]);
  for (const chunk of batch.chunks) {
    for (const [type, list] of Object.entries(chunk)) {
      if (Array.isArray(list)) others.set(type, (others.get(type) ?? 0) + list.length);
    }
  }
  metrics.samples.add(batch.samples.count);
  for (const [type, count] of others) if (count > 0) metrics.entries.add(count, { type });
  metrics.batches.add(1);
  metrics.records.add(batch.records);
  metrics.bytes.add(batch.bytes);
  for (const [reason, rows] of Object.entries(result.deadLettersBy ?? {})) {
    metrics.deadLetters.add(rows, { reason });
  }
  metrics.unverifiedDuplicates.add(result.unverifiedDuplicates);
  metrics.applySeconds.observe(seconds);
  metrics.batchEntries.observe(batch.entries);
}

function writerMetrics(meter: Meter) {
  const counter = (name: string, help: string, labels: readonly string[] = []) =>
    meter.counter({ name: `millrace_writer_${name}_total`, help, labels });
  return {
    samples: counter('samples_applied', 'Raw samples handed to the store and committed.'),
    entries: counter('entries_applied', 'Other entries committed, by type.', ['type']),
    deadLetters: counter('dead_letters', 'Rows that the store refused and put aside.', ['reason']),
    unverifiedDuplicates: counter(
      'unverified_duplicates',
      'Unverified samples that the store had already.',
    ),
    batches: counter('batches_applied', 'Transactions committed.'),
    records: counter('records_applied', 'Records of the log committed.'),
    bytes: counter('bytes_applied', 'Bytes of the records committed.'),
    outruns: counter('outruns', 'Transactions refused because the mark had moved.'),
    retries: counter('retries', 'Pauses because the log or the store was away.', ['code']),
    looks: counter('store_looks', 'Looks whether a store that was away is there again.', ['found']),
    missing: counter('gaps', 'Times that entries were missing in the log.', ['code']),
    partitionsStopped: counter('partitions_stopped', 'Partitions stopped, by reason.', ['code']),
    lag: meter.gauge({
      name: 'millrace_writer_lag_ms',
      help: 'Age of the oldest record of the log that is not applied.',
      labels: ['partition'],
    }),
    behind: meter.gauge({
      name: 'millrace_writer_behind_records',
      help: 'Records of the log that are not applied.',
      labels: ['partition'],
    }),
    applySeconds: meter.histogram({
      name: 'millrace_writer_apply_seconds',
      help: 'Time of one transaction.',
      buckets: SECONDS,
    }),
    batchEntries: meter.histogram({
      name: 'millrace_writer_batch_entries',
      help: 'Entries of one transaction, before revisions of open pieces were left out.',
      buckets: ENTRIES,
    }),
    flushSeconds: meter.histogram({
      name: 'millrace_writer_flush_seconds',
      help: 'Time to make the store durable, so that the log may forget.',
      buckets: SECONDS,
    }),
  };
}

function codeOf(error: unknown): string {
  return error instanceof MillraceError ? error.code : 'UNKNOWN';
}
