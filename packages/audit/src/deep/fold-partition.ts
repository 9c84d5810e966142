import { ADDRESS_ZERO, compareAddress } from '@millrace/model';
import { TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { PartitionFold } from '@millrace/transformer/fold';
import { LIVE_SOURCE } from '@millrace/transformer';
import {
  decodeEventsRecord,
  decodeSeriesRecord,
  emptyEntries,
  EntryType,
  listEntries,
  SeriesRecordBuilder,
  type AddressedEntry,
  type Entries,
} from '@millrace/wire';
import { readLog } from '../log/read-log.ts';
import type { PartitionPlan } from '../plan.ts';
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
  for await (const { offset, appendTimeUs, payload } of readLog(stream, range)) {
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

/** Of the record at the mark the store may have applied a part. */
function entriesBelow(payload: Uint8Array, mark: PartitionPlan['mark']): Entries {
  const { to, entries } = decodeSeriesRecord(payload);
  if (compareAddress(to, mark) <= 0) return entries;
  const below = listEntries(payload).filter(({ address }) => compareAddress(address, mark) < 0);
  const counts = new Map<EntryType, number>();
  for (const { type } of below) counts.set(type, (counts.get(type) ?? 0) + 1);
  return firstOf(entries, below, counts);
}

/** Within each type, entries are in the order of their addresses. */
function firstOf(
  entries: Entries,
  below: readonly AddressedEntry[],
  counts: ReadonlyMap<EntryType, number>,
): Entries {
  if (below.length === 0) return emptyEntries();
  const count = (type: EntryType): number => counts.get(type) ?? 0;
  return {
    samples: { ...entries.samples, count: count(EntryType.sample) },
    histograms: entries.histograms.slice(0, count(EntryType.histogram)),
    definitions: entries.definitions.slice(0, count(EntryType.definition)),
    open: entries.open.slice(0, count(EntryType.open)),
    finals: entries.finals.slice(0, count(EntryType.final)),
    unverified: entries.unverified.slice(0, count(EntryType.unverified)),
    deadLetters: entries.deadLetters.slice(0, count(EntryType.deadLetter)),
    ledger: entries.ledger.slice(0, count(EntryType.ledger)),
    exemplars: entries.exemplars.slice(0, count(EntryType.exemplar)),
    metadata: entries.metadata.slice(0, count(EntryType.metadata)),
    editions: entries.editions.slice(0, count(EntryType.edition)),
    editionEnds: entries.editionEnds.slice(0, count(EntryType.editionEnd)),
    jobEnds: entries.jobEnds.slice(0, count(EntryType.jobEnd)),
  };
}
