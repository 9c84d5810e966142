import { ADDRESS_ZERO } from '@millrace/model';
import { readRecords, TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { PartitionFold, type PartitionHead } from '@millrace/transformer/fold';
import {
  decodeEventsRecord,
  decodeSeriesRecord,
  EventsRecordKind,
  LIVE_SOURCE,
  SeriesRecordBuilder,
} from '@millrace/wire';
import type { PreviewRules } from './preview-rules.ts';
import type { PreviewStart } from './preview-start.ts';
import { RuleCounts } from './rule-counts.ts';

export interface PreviewBounds {
  /** Samples that are folded, those before the range included. */
  samplesMax: number;
  seriesMax: number;
  /** When it has to be over, by `nowMs`. */
  endsMs: number;
  nowMs: () => number;
}

/** What was found in one partition. */
export interface PartitionPreview {
  partition: number;
  start: Omit<PreviewStart, 'load' | 'stream'>;
  counts: RuleCounts;
  records: number;
  samples: number;
  /** Partition time: where the range was entered, and where the fold ended. */
  fromUs: number;
  untilUs: number;
  /** The bound that ended it before the log did. */
  bound: 'samples' | 'series' | 'time' | undefined;
}

const RECORD_BYTES_MAX = 800_000;
const WAIT_MS_MAX = 10_000;

/** Folds one partition in memory, from where it starts up to the end of the log. */
export async function previewPartition(
  params: Readonly<{
    stream: Stream;
    partition: number;
    start: PreviewStart;
    rules: PreviewRules;
    sinceUs: number;
    bounds: PreviewBounds;
    signal: AbortSignal;
    onSamples: (samples: number) => void;
  }>,
): Promise<PartitionPreview> {
  const { stream, partition, start, rules, sinceUs, bounds, signal, onSamples } = params;
  const { end } = await stream.bounds(TOPIC_EVENTS, partition);
  const { fold, out } = beginFold(start, rules);
  const counts = new RuleCounts(rules, sinceUs);
  const range = { topic: TOPIC_EVENTS, partition, from: start.position, to: end } as const;
  let samples = 0;
  let records = 0;
  let fromUs = sinceUs;
  let bound: PartitionPreview['bound'];
  for await (const { offset, appendTimeUs, payload } of readRecords(stream, {
    ...range,
    ...{ waitMsMax: WAIT_MS_MAX, signal },
  })) {
    bound = reached(bounds, samples, counts.size);
    if (bound !== undefined) break;
    const record = decodeEventsRecord(payload);
    fold.apply(record, appendTimeUs);
    fold.takeLosses();
    out.flush(offset + 1);
    records += 1;
    const isInRange = fold.head.partitionTimeUs >= sinceUs;
    if (record.kind === EventsRecordKind.data) {
      // A log that began within the range says nothing of the time before it.
      if (samples === 0 && start.position === 0) {
        fromUs = Math.max(sinceUs, fold.head.partitionTimeUs);
        counts.beginAt(fromUs);
      }
      samples += record.values.length;
      onSamples(record.values.length);
      if (isInRange) counts.learn(record, fold);
    }
    const sealed = out.sealed.splice(0);
    if (!isInRange) continue;
    for (const one of sealed) counts.take(decodeSeriesRecord(one.payload).entries);
  }
  takeOpen(fold, rules, counts);
  counts.end();
  const untilUs = Math.max(fromUs, fold.head.partitionTimeUs);
  const { position, madeAtUs, archive } = start;
  return {
    ...{ partition, start: { position, madeAtUs, archive }, counts, records },
    ...{ samples, fromUs, untilUs, bound },
  };
}

/** The state of the start, under the rules that are previewed. */
function beginFold(
  start: PreviewStart,
  { barrier }: PreviewRules,
): { fold: PartitionFold; out: SeriesRecordBuilder } {
  const { head, tables } = start.load();
  const begun = new PartitionFold(head, tables, builderAt(head, barrier.foldVersion));
  begun.apply(barrier, head.partitionTimeUs);
  // The log has no such record: what it put out is not wanted, and its place is another's.
  head.position = start.position;
  const out = builderAt(head, barrier.foldVersion);
  return { fold: new PartitionFold(head, begun.tables, out), out };
}

function builderAt(
  { logId, logNumber, position }: PartitionHead,
  foldVersion: number,
): SeriesRecordBuilder {
  return new SeriesRecordBuilder(
    { logId, logNumber, source: LIVE_SOURCE, foldVersion },
    { ...ADDRESS_ZERO, offset: position },
    RECORD_BYTES_MAX,
  );
}

/** What is open at the end will be a row as well. */
function takeOpen({ head, tables }: PartitionFold, rules: PreviewRules, counts: RuleCounts): void {
  if (tables === undefined) return;
  const { windows } = tables;
  for (const slot of windows.ofEditions([...rules.byEdition.keys()])) {
    const piece = windows.entry(slot);
    counts.piece(piece, piece.startUs + piece.widthUs <= head.watermarkUs);
  }
}

function reached(
  { samplesMax, seriesMax, endsMs, nowMs }: PreviewBounds,
  samples: number,
  series: number,
): PartitionPreview['bound'] {
  if (samples >= samplesMax) return 'samples';
  if (series >= seriesMax) return 'series';
  return nowMs() >= endsMs ? 'time' : undefined;
}
