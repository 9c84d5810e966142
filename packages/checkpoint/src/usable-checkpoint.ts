import { createHash } from 'node:crypto';
import { readRecord, TOPIC_EVENTS, type PartitionBounds } from '@millrace/stream';
import { decodeEventsRecord, EventsRecordKind, type CheckpointManifest } from '@millrace/wire';
import { eventsUnread } from './checkpoint-error.ts';
import type { CheckpointPlace } from './read-range.ts';

const DIGEST_DIGITS = 32;
const READ_MS_MAX = 10_000;

/** The digest by which an owner recognises the record before its position. */
export function recordDigest(payload: Uint8Array): string {
  return createHash('sha256').update(payload).digest('hex').slice(0, DIGEST_DIGITS);
}

/** Undefined when the events that follow a checkpoint are there; else why it leads nowhere. */
export async function whyUnusable(
  place: CheckpointPlace,
  manifest: CheckpointManifest,
  stateVersionsRead: readonly number[],
): Promise<string | undefined> {
  const { stream, partition } = place;
  const { position, stateVersion } = manifest;
  if (!stateVersionsRead.includes(stateVersion)) {
    return `its state has version ${stateVersion}, which this release does not read`;
  }
  const bounds = await stream.bounds(TOPIC_EVENTS, partition);
  if (bounds.end === 0) return 'metrics.events is empty';
  if (position > bounds.end) return `metrics.events ends at ${bounds.end}, before its position`;
  if (position < bounds.start) return `events before ${bounds.start} are gone`;
  return await whyOtherLog(place, bounds, manifest);
}

async function whyOtherLog(
  place: CheckpointPlace,
  { start }: PartitionBounds,
  { logId, position, lastDigest }: CheckpointManifest,
): Promise<string | undefined> {
  if (start === 0) {
    const record = decodeEventsRecord(await readEvent(place, 0));
    const found = record.kind === EventsRecordKind.log ? record.logId : 'none';
    if (found !== logId) return `it is of log ${logId}, and metrics.events is log ${found}`;
    if (position === 0) return undefined;
  }
  if (position - 1 < start)
    return 'the event before its position is gone, by which to know the log';
  const digest = recordDigest(await readEvent(place, position - 1));
  return digest === lastDigest
    ? undefined
    : 'metrics.events is another log, or its records changed';
}

/** One record of the events partition. */
export async function readEvent(
  { stream, partition, signal }: CheckpointPlace,
  offset: number,
): Promise<Uint8Array> {
  const at = { topic: TOPIC_EVENTS, partition, offset, waitMsMax: READ_MS_MAX, signal } as const;
  const record = await readRecord(stream, at);
  if (record === undefined) throw eventsUnread(partition, offset);
  return record.payload;
}
