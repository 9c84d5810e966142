import { ADDRESS_ZERO } from '@millrace/model';
import { readRecords, TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { PartitionFold } from '@millrace/transformer/fold';
import { decodeEventsRecord, LIVE_SOURCE, SeriesRecordBuilder, type Entries } from '@millrace/wire';
import type { PartitionPlan } from '../plan.ts';
import { entriesBelow } from './entries-below.ts';
import type { FoldStart } from './fold-start.ts';

export interface FoldParams {
  stream: Stream;
  plan: PartitionPlan;
  start: FoldStart;
  waitMsMax: number;
  /** What the record at `offset` put out, in order within each type. */
  onEntries: (entries: Entries, offset: number) => void;
  signal?: AbortSignal | undefined;
}

export interface FoldedPartition {
  /** The position behind the last record. */
  to: number;
  samples: number;
}

const RECORD_BYTES_MAX = 800_000;

/**
 * Folds a partition again as the transformer does, from where it starts up to the store's mark,
 * and gives out what the store must have applied.
 */
export async function foldPartition(params: FoldParams): Promise<FoldedPartition> {
  const { stream, plan, start, waitMsMax, onEntries, signal } = params;
  const { partition, mark, logId, logNumber } = plan;
  if (logId === undefined) return { to: 0, samples: 0 };
  const { head, tables } = await start.load();
  const { position: from } = head;
  const foldVersion = tables?.barrier.foldVersion ?? 0;
  const builder = new SeriesRecordBuilder(
    { logId, logNumber, source: LIVE_SOURCE, foldVersion },
    { ...ADDRESS_ZERO, offset: from },
    RECORD_BYTES_MAX,
  );
  const fold = new PartitionFold(head, tables, builder);
  const end = mark.ordinal > 0 ? mark.offset + 1 : mark.offset;
  const range = { topic: TOPIC_EVENTS, partition, from, to: end, waitMsMax, signal } as const;
  let samples = 0;
  for await (const { offset, appendTimeUs, payload } of readRecords(stream, range)) {
    const record = decodeEventsRecord(payload);
    if ('values' in record) samples += record.values.length;
    fold.apply(record, appendTimeUs);
    fold.takeLosses();
    builder.flush(offset + 1);
    for (const sealed of builder.sealed.splice(0)) {
      onEntries(entriesBelow(sealed.payload, mark), offset);
    }
  }
  return { to: fold.head.position, samples };
}
