import type { Loss } from './memory/loss-memory.ts';
import {
  createCheckpointEvents,
  type CheckpointEvents,
  type MakeCounter,
} from './checkpoint-events.ts';
import { errorText, type Log, type Meter } from '@millrace/runtime';
import type { OwnerLevels } from './owner-progress.ts';

/** All that the transformer reports: log lines and counters, one function for each event. */
export interface TransformerEvents extends CheckpointEvents {
  takenOver(partition: number, fields: Readonly<{ position: number; logId: string }>): void;
  folded(partition: number, batch: Readonly<FoldedBatch>): void;
  published(partition: number, bytes: number): void;
  publishRetried(partition: number, error: unknown): void;
  committed(partition: number, pages: number, bytes: number): void;
  commitRetried(partition: number, error: unknown): void;
  /** The log does not have what a receiver was told is durable. */
  lost(partition: number, loss: Readonly<Loss>): void;
  outrun(partition: number): void;
  readRetried(partition: number, error: unknown): void;
  tickFailed(partition: number, error: unknown): void;
  /** A barrier that whoever applied rules had not appended here. */
  barrierAppended(partition: number, version: number): void;
  barrierFailed(partition: number, error: unknown): void;
  controlRetried(error: unknown): void;
  controlStopped(error: unknown): void;
  stopped(partition: number, error: unknown): void;
  /** How far it is now. */
  observed(partition: number, levels: Readonly<OwnerLevels>): void;
  observeFailed(error: unknown): void;
  /** The partition is not owned any more. */
  letGo(partition: number): void;
  gaveUpWaiting(partition: number, stopMsMax: number): void;
}

export interface FoldedBatch {
  records: number;
  bytes: number;
  dispositions: ReadonlyMap<string, number>;
  /** Of those that were dropped, by rule. */
  droppedBy: ReadonlyMap<string, number>;
  /** Samples that the log has lost, in all. */
  lost: number;
  late: number;
  appendedAgain: number;
  /** Pieces closed, and series forgotten, before their time because of a bound. */
  overflowedPieces: number;
  overflowedSeries: number;
  /** Label sets forgotten before their time because of their number, and of their bytes. */
  overflowedLabels: number;
  overflowedLabelsByBytes: number;
  /** Retired editions ended before their time because of a bound. */
  overflowedEditions: number;
  /** Barriers that changed nothing: repeated, older, or ahead of what they follow. */
  ignoredBarriers: number;
  openPieces: number;
  series: number;
}

const STOPPED = 'The partition stopped; the log keeps its records.';

export function createTransformerEvents(log: Log, meter: Meter): TransformerEvents {
  const count = counterOf(meter);
  const folding = createFoldMeter(meter);
  const progress = createProgressMeter(meter);
  const checkpoints = createCheckpointEvents(log, count, meter);
  const publishedBytes = count('published_bytes_total', 'Bytes appended to metrics.series.');
  const retries = count('retries_total', 'Calls tried again.', ['call']);
  const commits = count('commits_total', 'Commits of a partition state.');
  const commitBytes = count('commit_bytes_total', 'Bytes of pages committed.');
  const barriers = count('barriers_completed_total', 'Missing barriers appended.');
  const outruns = count('outruns_total', 'Commits lost to another owner.');
  const retried = (partition: number, call: string, error: unknown, message: string): void => {
    retries.add(1, { partition, call });
    log.warn({ partition, error: errorText(error) }, message);
  };
  return {
    ...checkpoints.events,
    takenOver: (partition, fields) => log.info({ partition, ...fields }, 'Partition taken over.'),
    folded: (partition, batch) => folding.count(partition, batch),
    published: (partition, n) => publishedBytes.add(n, { partition }),
    publishRetried: (partition, error) =>
      retried(partition, 'publish', error, 'Publishing failed; the record is sent again.'),
    committed: (partition, pages, n) => {
      commits.add(1, { partition });
      commitBytes.add(n, { partition });
      log.debug({ partition, pages, bytes: n }, 'State committed.');
    },
    commitRetried: (partition, error) =>
      retried(partition, 'commit', error, 'The state could not be committed; it is tried again.'),
    lost: (partition, { receiver, tenant, samples, afterOffset, offset }) =>
      log.warn(
        { partition, receiver, tenant, samples, afterOffset, offset },
        'The log has lost samples that it had acknowledged to a receiver: they are not between ' +
          'these records.',
      ),
    outrun: (partition) => {
      outruns.add(1, { partition });
      log.warn({ partition }, 'Another owner moved the partition on; its state is loaded again.');
    },
    readRetried: (partition, error) =>
      retried(partition, 'read', error, 'Log or state could not be read; it is tried again.'),
    tickFailed: (partition, error) =>
      retried(partition, 'tick', error, 'No tick could be appended; the next one will be.'),
    barrierAppended: (partition, version) => {
      barriers.add(1, { partition });
      log.info({ partition, version }, 'A barrier was missing, and is appended.');
    },
    barrierFailed: (partition, error) =>
      retried(partition, 'barrier', error, 'A missing barrier could not be appended yet.'),
    ...controlEvents(log),
    stopped: (partition, error) => log.error({ partition, error: errorText(error) }, STOPPED),
    observed: (partition, levels) => progress.show(partition, levels),
    observeFailed: (error) =>
      log.debug({ error: errorText(error) }, 'The end of the log could not be looked at.'),
    letGo: (partition) => {
      folding.forget(partition);
      progress.forget(partition);
      checkpoints.forget(partition);
      log.info({ partition }, 'Partition let go.');
    },
    gaveUpWaiting: (partition, stopMsMax) =>
      log.warn(
        { partition, stopMsMax },
        'Letting the partition go took too long; the next owner folds the rest again.',
      ),
  };
}

function controlEvents(log: Log): Pick<TransformerEvents, 'controlRetried' | 'controlStopped'> {
  return {
    controlRetried: (error) =>
      log.warn({ error: errorText(error) }, 'Changes of rules cannot be read; it is tried again.'),
    controlStopped: (error) =>
      log.error(
        { error: errorText(error) },
        'Changes of rules are not read any more; folding goes on under the rules in the log.',
      ),
  };
}

function counterOf(meter: Meter): MakeCounter {
  return (name, help, labels = []) =>
    meter.counter({ name: `millrace_transformer_${name}`, help, labels: ['partition', ...labels] });
}

/** How far each partition is. */
function createProgressMeter(meter: Meter): {
  show(partition: number, levels: Readonly<OwnerLevels>): void;
  forget(partition: number): void;
} {
  const level = (name: string, help: string) =>
    meter.gauge({ name: `millrace_transformer_${name}`, help, labels: ['partition'] });
  const lag = level('lag_ms', 'Age of the oldest record of metrics.events not folded, at most.');
  const behind = level('behind_records', 'Records of metrics.events that are not folded.');
  const uncommitted = level(
    'uncommitted_ms',
    'Age of the oldest record that is folded and not in a committed state.',
  );
  return {
    show: (partition, { lagMs, behindRecords, uncommittedMs }) => {
      lag.set(lagMs, { partition });
      behind.set(behindRecords, { partition });
      uncommitted.set(uncommittedMs, { partition });
    },
    forget: (partition) => {
      for (const gauge of [lag, behind, uncommitted]) gauge.forget({ partition });
    },
  };
}

/** Counts what folding a batch did, and holds the levels it left. */
function createFoldMeter(meter: Meter): {
  count(partition: number, batch: Readonly<FoldedBatch>): void;
  forget(partition: number): void;
} {
  const count = counterOf(meter);
  const level = (name: string, help: string) =>
    meter.gauge({ name: `millrace_transformer_${name}`, help, labels: ['partition'] });
  const samples = count('samples_total', 'Samples by disposition.', ['disposition']);
  const dropped = count('dropped_samples_total', 'Samples dropped, by rule.', ['rule']);
  const lost = level('lost_samples', 'Acknowledged samples that the log has lost.');
  const counters = {
    records: count('records_total', 'Records of metrics.events folded.'),
    bytes: count('records_bytes_total', 'Bytes of records folded.'),
    late: count('late_samples_total', 'Samples folded behind the watermark.'),
    appendedAgain: count('appended_again_samples_total', 'Samples of records the log holds twice.'),
    overflowedPieces: count('overflowed_pieces_total', 'Pieces closed by their bound.'),
    overflowedSeries: count('overflowed_series_total', 'Series forgotten by their bound.'),
    overflowedLabels: count(
      'overflowed_labels_total',
      'Label sets forgotten because there are more than labelSetsMax.',
    ),
    overflowedLabelsByBytes: count(
      'overflowed_labels_by_bytes_total',
      'Label sets forgotten because all together are longer than 512 bytes for each of labelSetsMax.',
    ),
    overflowedEditions: count(
      'overflowed_editions_total',
      'Retired editions ended by their bound.',
    ),
    ignoredBarriers: count('ignored_barriers_total', 'Barriers that changed nothing.'),
  };
  const pieces = level('open_pieces', 'Pieces open.');
  const series = level('remembered_series', 'Series remembered for dedupe.');
  return {
    count: (partition, batch) => {
      for (const name of Object.keys(counters) as (keyof typeof counters)[]) {
        if (batch[name] > 0) counters[name].add(batch[name], { partition });
      }
      for (const [disposition, n] of batch.dispositions) samples.add(n, { partition, disposition });
      for (const [rule, n] of batch.droppedBy) dropped.add(n, { partition, rule });
      lost.set(batch.lost, { partition });
      pieces.set(batch.openPieces, { partition });
      series.set(batch.series, { partition });
    },
    forget: (partition) => {
      lost.forget({ partition });
      pieces.forget({ partition });
      series.forget({ partition });
    },
  };
}
