import { recordDigest } from '@millrace/checkpoint';
import type { StoredMark } from '@millrace/store';
import { TOPIC_EVENTS, type Stream, type StreamRecord } from '@millrace/stream';
import {
  decodeEventsRecord,
  EventsRecordKind,
  lastFolded,
  LIVE_SOURCE,
  type FoldedEvent,
} from '@millrace/wire';
import { eventReplaced, logReplaced, storeAhead } from './writer-errors.ts';

type Where = Readonly<{ stream: Stream; partition: number; signal: AbortSignal }>;

/** Of records that tell no time, as those that begin a log, so many may follow one another. */
const UNTIMED_MAX = 16;
/** The store keeps whole microseconds. */
const ROUNDING_US = 1;

/**
 * The store cannot have entries of events that its log does not hold, nor of others than those that
 * it holds now. A log that lost its end, or was put back from a copy, and took records again behind
 * it has other ones under the same offsets: what came of them would be taken for what is stored,
 * and passed over. The newest event of which the store has entries is not the same one then. Where
 * nobody told its digest they came later than all that the store had counted there. Of another log
 * it may: that is told when the first batch of the other log is offered to the store.
 */
export async function checkNotAhead(
  { stream, partition }: Omit<Where, 'signal'>,
  marks: ReadonlyMap<string, StoredMark>,
  signal: AbortSignal,
): Promise<void> {
  const where = { stream, partition, signal };
  const { start, end } = await stream.bounds(TOPIC_EVENTS, partition);
  for (const [source, { mark, logId, folded, counted }] of marks) {
    const isLive = source === LIVE_SOURCE;
    const isLonger = lastFolded(mark) >= end;
    const isFolded = isLive && folded !== undefined && folded.offset >= start;
    const isCounted = isLive && counted !== undefined && counted.position > start;
    if (!isLonger && !isFolded && !isCounted) continue;
    if (start === 0 && end > 0 && (await isOfOtherLog(where, logId))) continue;
    if (isLonger) throw storeAhead({ partition, mark, endOffset: end });
    if (isFolded) await checkFolded(where, folded);
    // Also of an event that is the same: two barriers of one version are. And a writer of before
    // moves the mark, and leaves the digest where it was.
    if (isCounted) await checkCounted(where, counted, start);
  }
}

async function isOfOtherLog(where: Where, logId: string): Promise<boolean> {
  const record = decodeEventsRecord((await eventAt(where, 0)).payload);
  return record.kind === EventsRecordKind.log && record.logId !== logId;
}

async function checkFolded(where: Where, { offset, digest }: FoldedEvent): Promise<void> {
  const { payload } = await eventAt(where, offset);
  if (recordDigest(payload) === digest) return;
  throw eventReplaced({ partition: where.partition, offset });
}

/**
 * Partition time is the largest of all append times, each capped by when its record was received
 * and some minutes: so none of the records counted can have both later.
 */
async function checkCounted(
  where: Where,
  { position, partitionTimeUs }: NonNullable<StoredMark['counted']>,
  start: number,
): Promise<void> {
  for (let at = position - 1; at >= Math.max(start, position - UNTIMED_MAX); at -= 1) {
    const { appendTimeUs, payload } = await eventAt(where, at);
    const record = decodeEventsRecord(payload);
    if (!('receivedAtUs' in record)) continue;
    const timeUs = Math.min(appendTimeUs, record.receivedAtUs);
    if (timeUs <= partitionTimeUs + ROUNDING_US) return;
    throw logReplaced({ partition: where.partition, offset: at, timeUs, partitionTimeUs });
  }
}

async function eventAt(
  { stream, partition, signal }: Where,
  offset: number,
): Promise<StreamRecord> {
  const reader = stream.reader(TOPIC_EVENTS, partition, offset);
  try {
    for (;;) {
      // What lies below the end is there; a reader may still need a moment to see it.
      const [record] = await reader.next({ bytesMax: 1, waitMs: 1000, signal });
      if (record !== undefined) return { ...record, payload: new Uint8Array(record.payload) };
    }
  } finally {
    await reader.close();
  }
}
