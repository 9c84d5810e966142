import { createHash } from 'node:crypto';
import type { StoredPosition } from '@millrace/store';
import { readRecords, TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { decodeEventsRecord } from '@millrace/wire';

/** Of records that tell no time so many may follow one another. */
const UNTIMED_MAX = 16;
/** The store keeps whole microseconds. */
const ROUNDING_US = 1;

type Waits = Readonly<{ waitMsMax: number; signal?: AbortSignal | undefined }>;

/**
 * The offset of a record that is not the event of which the store has entries, or that the ledger
 * counts and that came later than anything it counts: the log lost its end, and took another one
 * since. Undefined: there is none to be seen.
 */
export async function findReplaced(
  stream: Stream,
  stored: StoredPosition,
  waits: Waits,
): Promise<number | undefined> {
  return (await findOtherEvent(stream, stored, waits)) ?? (await findLater(stream, stored, waits));
}

async function findOtherEvent(
  stream: Stream,
  { partition, folded }: StoredPosition,
  waits: Waits,
): Promise<number | undefined> {
  if (folded === undefined) return undefined;
  const { offset, digest } = folded;
  const { start, end } = await stream.bounds(TOPIC_EVENTS, partition);
  if (offset < start || offset >= end) return undefined;
  const range = { topic: TOPIC_EVENTS, partition, from: offset, to: offset + 1 } as const;
  for await (const { payload } of readRecords(stream, { ...range, ...waits })) {
    const found = createHash('sha256').update(payload).digest('hex');
    if (!found.startsWith(digest)) return offset;
  }
  return undefined;
}

async function findLater(
  stream: Stream,
  { partition, position, partitionTimeUs }: StoredPosition,
  waits: Waits,
): Promise<number | undefined> {
  if (position === undefined || partitionTimeUs === undefined) return undefined;
  const { start, end } = await stream.bounds(TOPIC_EVENTS, partition);
  const from = Math.max(start, position - UNTIMED_MAX);
  // One that is shorter is told as such.
  if (from >= position || position > end) return undefined;
  const range = { topic: TOPIC_EVENTS, partition, from, to: position } as const;
  let replaced: number | undefined;
  for await (const { offset, appendTimeUs, payload } of readRecords(stream, {
    ...range,
    ...waits,
  })) {
    const record = decodeEventsRecord(payload);
    if (!('receivedAtUs' in record)) continue;
    // Partition time is the largest of all of these, so none of them is later.
    const timeUs = Math.min(appendTimeUs, record.receivedAtUs);
    replaced = timeUs > partitionTimeUs + ROUNDING_US ? offset : undefined;
  }
  return replaced;
}
