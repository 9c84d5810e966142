import { createHash } from 'node:crypto';
import { ADDRESS_ZERO } from '@millrace/model';
import { MillraceError } from '@millrace/runtime';
import type { CommittedState, StateStore } from '@millrace/state';
import { TOPIC_EVENTS, type PartitionBounds, type Stream } from '@millrace/stream';
import { decodeEventsRecord, EventsRecordKind, SeriesRecordBuilder } from '@millrace/wire';
import { FOLD_VERSION, PartitionFold } from './fold/partition-fold.ts';
import {
  loadPages,
  newPartitionHead,
  type FoldTables,
  type PartitionHead,
} from './fold/partition-state.ts';

/** The source of entries that are folded as they arrive; jobs have their own. */
export const LIVE_SOURCE = 'live';

/** A partition ready to be folded on from `fold.head.position`. */
export interface OwnedPartition {
  fold: PartitionFold;
  builder: SeriesRecordBuilder;
  /** What the state store holds; undefined: nothing yet. */
  committed: { logId: string; position: number } | undefined;
}

interface TakeOverParts {
  stream: Stream;
  state: StateStore;
  partition: number;
  recordBytesMax: number;
  signal: AbortSignal;
}

/** Loads the state and checks that it belongs to the log that is there. Never skips a record. */
export async function takeOver(parts: TakeOverParts): Promise<OwnedPartition | undefined> {
  const { stream, state, partition } = parts;
  const committed = await state.load(partition);
  const bounds = await stream.bounds(TOPIC_EVENTS, partition);
  if (bounds.end === 0 && committed === undefined) return undefined;
  const { head, tables } =
    committed === undefined
      ? { head: await newHead(parts, bounds), tables: undefined }
      : await knownHead(parts, bounds, committed);
  const builder = new SeriesRecordBuilder(
    {
      logId: head.logId,
      logNumber: head.logNumber,
      source: LIVE_SOURCE,
      foldVersion: tables?.barrier.foldVersion ?? FOLD_VERSION,
    },
    { ...ADDRESS_ZERO, offset: head.position },
    parts.recordBytesMax,
  );
  return {
    fold: new PartitionFold(head, tables, builder),
    builder,
    committed: committed && { logId: committed.logId, position: committed.position },
  };
}

/** The digest by which an owner recognises the record before its position. */
export function recordDigest(payload: Uint8Array): string {
  return createHash('sha256').update(payload).digest('hex').slice(0, 32);
}

async function newHead(parts: TakeOverParts, bounds: PartitionBounds): Promise<PartitionHead> {
  if (bounds.start > 0) throw expired(parts.partition, 0, bounds.start);
  return newPartitionHead(await logIdOf(parts), 1);
}

async function knownHead(
  parts: TakeOverParts,
  bounds: PartitionBounds,
  committed: CommittedState,
): Promise<{ head: PartitionHead; tables: FoldTables | undefined }> {
  const { partition } = parts;
  const { logId, position } = committed;
  if (bounds.end === 0) throw otherLog(partition, logId, 'an empty one');
  if (bounds.start === 0) {
    const found = await logIdOf(parts);
    if (found !== logId) throw otherLog(partition, logId, found);
  }
  if (position > bounds.end) throw logIsShorter(partition, position, bounds.end);
  if (position < bounds.start) throw expired(partition, position, bounds.start);
  const loaded = loadPages(committed.pages);
  const before = position - 1;
  if (before >= bounds.start && loaded.head.lastDigest !== '') {
    const digest = recordDigest(await readRecord(parts, before));
    if (digest !== loaded.head.lastDigest) throw otherLog(partition, logId, 'another history');
  }
  return loaded;
}

async function logIdOf(parts: TakeOverParts): Promise<string> {
  const record = decodeEventsRecord(await readRecord(parts, 0));
  if (record.kind !== EventsRecordKind.log) throw noLogRecord(parts.partition);
  return record.logId;
}

async function readRecord(parts: TakeOverParts, offset: number): Promise<Uint8Array> {
  const { stream, partition, signal } = parts;
  const reader = stream.reader(TOPIC_EVENTS, partition, offset);
  try {
    const [record] = await reader.next({ bytesMax: 1, waitMs: 10_000, signal });
    if (record === undefined) throw logIsShorter(partition, offset + 1, offset);
    return record.payload.slice();
  } finally {
    await reader.close();
  }
}

/** What a partition waits for while `takeOver` finds no log. */
export function notSetUp(partition: number): MillraceError {
  return new MillraceError({
    code: 'TRANSFORMER_NOT_SET_UP',
    kind: 'transient',
    message:
      `Partition ${partition} of metrics.events is empty: nobody has begun this log yet, so ` +
      'there is nothing to fold.',
    remedy: 'Run "millrace setup"; the transformer goes on by itself.',
  });
}

function otherLog(partition: number, known: string, found: string): MillraceError {
  return new MillraceError({
    code: 'TRANSFORMER_OTHER_LOG',
    kind: 'permanent',
    message:
      `Partition ${partition} of metrics.events is not the log its state was folded from: ` +
      `the state belongs to log ${known}, there is ${found}. The partition is not folded; ` +
      'nothing was skipped and what is stored stays.',
    remedy: 'Put the old log back, or go on with the new one: millrace setup --accept-new-log.',
  });
}

function logIsShorter(partition: number, position: number, end: number): MillraceError {
  return new MillraceError({
    code: 'TRANSFORMER_LOG_SHORTER',
    kind: 'permanent',
    message:
      `Partition ${partition} of metrics.events ends at ${end}, but its state has folded up to ` +
      `${position}: the log lost records that were flushed. The partition is not folded on.`,
    remedy: 'Put the log back from where it was lost, or: millrace setup --accept-new-log.',
  });
}

function expired(partition: number, position: number, start: number): MillraceError {
  return new MillraceError({
    code: 'TRANSFORMER_EXPIRED',
    kind: 'permanent',
    message:
      `Records ${position} to ${start - 1} of partition ${partition} of metrics.events expired ` +
      'before they were folded. The partition stops there instead of skipping them.',
    remedy:
      'Put the state (the directory, or what Redis held) or the missing records back from a ' +
      'backup. The partition is looked at again every half minute.',
  });
}

function noLogRecord(partition: number): MillraceError {
  return new MillraceError({
    code: 'TRANSFORMER_NO_LOG_ID',
    kind: 'permanent',
    message: `The first record of partition ${partition} of metrics.events names no log id.`,
    remedy: 'Check that only Millrace writes to its topics.',
  });
}
