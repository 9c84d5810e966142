import { errorText, type Log, type Meter } from '@millrace/runtime';
import { TOPIC_EVENTS } from '@millrace/stream';
import type { RangeManifest } from './manifest.ts';

/** All that is reported of archiving. */
export interface ArchiveEvents {
  archived(range: RangeManifest, tookMs: number): void;
  checkpointArchived(range: RangeManifest): void;
  checkpointTooLarge(partition: number, pagesBytes: number): void;
  /** Of these offsets it has nothing, and the log has forgotten them. */
  gap(partition: number, gap: Readonly<{ from: number; to: number }>): void;
  failed(partition: number, error: unknown): void;
  goesOn(partition: number): void;
  /** How far a partition is archived, and how much of the log is not. */
  observed(partition: number, position: number, behindRecords: number): void;
  gone(partition: number): void;
  /** Of attempts that broke off. */
  unfinishedRemoved(files: number): void;
  untidy(error: unknown): void;
}

export function createArchiveEvents(log: Log, meter: Meter): ArchiveEvents {
  const counter = (name: string, help: string) =>
    meter.counter({ name: `millrace_archive_${name}`, help, labels: ['partition'] });
  const gauge = (name: string, help: string) =>
    meter.gauge({ name: `millrace_archive_${name}`, help, labels: ['partition'] });
  const ranges = counter('ranges_total', 'Ranges of the log archived.');
  const bytes = counter('bytes_total', 'Bytes of files of records put into the archive.');
  const records = counter('record_bytes_total', 'Bytes of the records in them.');
  const samples = counter('samples_total', 'Samples in them.');
  const seconds = counter('seconds_total', 'Time that archiving took.');
  const failures = counter('failures_total', 'Attempts to archive that failed.');
  const position = gauge('position', 'The next record of metrics.events to be archived.');
  const behind = gauge('behind_records', 'Records of metrics.events that are not archived.');
  return {
    archived: (range, tookMs) => {
      const { partition, from, to, samples: count, records: file } = range;
      ranges.add(1, { partition });
      bytes.add(file.bytes, { partition });
      records.add(range.payloadBytes, { partition });
      samples.add(count, { partition });
      seconds.add(tookMs / 1000, { partition });
      log.info({ partition, from, to, bytes: file.bytes, tookMs }, 'A range was archived.');
    },
    checkpointArchived: ({ partition, checkpoint, records: file }) =>
      log.info(
        { partition, position: checkpoint?.position, bytes: file.bytes },
        'A checkpoint was archived.',
      ),
    checkpointTooLarge: (partition, pagesBytes) =>
      log.warn(
        { partition, pagesBytes },
        'A checkpoint is too large to be archived: the past is folded from an older one.',
      ),
    gap: (partition, { from, to }) =>
      log.warn(
        { partition, from, to },
        'The log forgot events that are not in this archive, which goes on behind them. Every ' +
          'process needs the same MILLRACE_ARCHIVE__URL, and the disk it names has to be there.',
      ),
    failed: (partition, error) => {
      failures.add(1, { partition });
      log.warn(
        { partition, error: errorText(error) },
        'The log cannot be archived now; it keeps what is not, and it is tried again.',
      );
    },
    goesOn: (partition) => log.info({ partition }, `${TOPIC_EVENTS} is archived again.`),
    observed: (partition, at, behindRecords) => {
      position.set(at, { partition });
      behind.set(behindRecords, { partition });
    },
    gone: (partition) => {
      position.forget({ partition });
      behind.forget({ partition });
    },
    unfinishedRemoved: (files) =>
      log.info({ files }, 'Unfinished files of attempts to archive that broke off were removed.'),
    untidy: (error) =>
      log.warn(
        { error: errorText(error) },
        'Unfinished files in the archive could not be removed; they do no harm.',
      ),
  };
}
