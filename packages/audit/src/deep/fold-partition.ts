import { readRecords, TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { PartitionFold } from '@millrace/transformer/fold';
import { ColumnRoom, decodeEventsRecord, LIVE_SOURCE, type Entries } from '@millrace/wire';
import type { PartitionPlan } from '../plan.ts';
import { EntryCollector } from './entry-collector.ts';
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

/**
 * Folds a partition again as the transformer does, from where it starts up to the store's mark,
 * and gives out what the store must have applied.
 */
export async function foldPartition(params: FoldParams): Promise<FoldedPartition> {
  const { stream, plan, start, waitMsMax, onEntries, signal } = params;
  const { partition, mark, logId, logNumber } = plan;
  if (logId === undefined) return { to: 0, samples: 0 };
  const loaded = await start.load();
  const { tables } = loaded;
  const { position: from } = loaded.head;
  const foldVersion = tables?.barrier.foldVersion ?? 0;
  const head = { logId, logNumber, source: LIVE_SOURCE, foldVersion };
  const out = new EntryCollector(head, from, mark);
  const fold = new PartitionFold(loaded.head, tables, out);
  const end = mark.ordinal > 0 ? mark.offset + 1 : mark.offset;
  const range = { topic: TOPIC_EVENTS, partition, from, to: end, waitMsMax, signal } as const;
  // A record is folded before the next is read.
  const room = new ColumnRoom();
  let samples = 0;
  for await (const { offset, appendTimeUs, payload } of readRecords(stream, range)) {
    const record = decodeEventsRecord(payload, room);
    if ('values' in record) samples += record.values.length;
    fold.apply(record, appendTimeUs);
    fold.takeLosses();
    out.take(offset + 1, (entries) => onEntries(entries, offset));
  }
  return { to: fold.head.position, samples };
}
