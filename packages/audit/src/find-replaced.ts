import type { StoredPosition } from '@millrace/store';
import { readRecords, TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { decodeEventsRecord } from '@millrace/wire';

/** Of records that tell no time so many may follow one another. */
const UNTIMED_MAX = 16;
/** The store keeps whole microseconds. */
const ROUNDING_US = 1;

/**
 * The offset of a record that the ledger counts and that came later than anything it counts: the
 * log lost its end, and took another one since. Undefined: there is none to be seen.
 */
export async function findReplaced(
  stream: Stream,
  { partition, position, partitionTimeUs }: StoredPosition,
  waits: Readonly<{ waitMsMax: number; signal?: AbortSignal | undefined }>,
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
