import { errorText } from '@millrace/runtime';
import { STREAM_CODES, StreamError, TOPIC_CHECKPOINTS, type Stream } from '@millrace/stream';
import { decodeCheckpointRecord, type CheckpointRecord } from '@millrace/wire';
import { checkpointUnread } from './checkpoint-error.ts';

/** Where checkpoints are read from. */
export interface CheckpointPlace {
  stream: Stream;
  partition: number;
  signal?: AbortSignal | undefined;
}

export interface VisitedRecord {
  offset: number;
  bytes: number;
  /** Undefined: it cannot be read, see `fault`. Its bytes are valid during the visit only. */
  record: CheckpointRecord | undefined;
  fault?: string;
}

const READ_BYTES_MAX = 1024 * 1024;
const READ_MS_MAX = 10_000;

/**
 * Visits the records of `[from, to)` that are still held, in order. What is damaged is visited as
 * such and passed over: what lies behind it may be a checkpoint that is needed.
 */
export async function readRange(
  place: CheckpointPlace,
  range: Readonly<{ from: number; to: number }>,
  visit: (visited: VisitedRecord) => void,
): Promise<void> {
  const { stream, partition } = place;
  let position = range.from;
  while (position < range.to) {
    try {
      position = await readSound(place, position, range.to, visit, (read) => {
        position = read;
      });
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      if (error.code === STREAM_CODES.outOfRange) {
        const { start } = await stream.bounds(TOPIC_CHECKPOINTS, partition);
        if (start <= position) throw error;
        // Released meanwhile.
        position = start;
      } else if (error.code === STREAM_CODES.corrupt) {
        visit({ offset: position, bytes: 0, record: undefined, fault: errorText(error) });
        position = await findReadable(place, position + 1, range.to);
      } else throw error;
    }
  }
}

/** Reads on until the end of the range, or until something cannot be read. */
async function readSound(
  { stream, partition, signal }: CheckpointPlace,
  from: number,
  to: number,
  visit: (visited: VisitedRecord) => void,
  onRead: (position: number) => void,
): Promise<number> {
  const reader = stream.reader(TOPIC_CHECKPOINTS, partition, from);
  let position = from;
  try {
    while (position < to) {
      const records = await reader.next({
        bytesMax: READ_BYTES_MAX,
        waitMs: READ_MS_MAX,
        ...(signal === undefined ? {} : { signal }),
      });
      if (records.length === 0) throw checkpointUnread(partition, position);
      for (const { offset, payload } of records) {
        if (offset >= to) return to;
        visit({ offset, bytes: payload.length, ...decoded(payload) });
        position = offset + 1;
        onRead(position);
      }
    }
    return position;
  } finally {
    await reader.close();
  }
}

function decoded(payload: Uint8Array): Pick<VisitedRecord, 'record' | 'fault'> {
  try {
    return { record: decodeCheckpointRecord(payload) };
  } catch (error) {
    return { record: undefined, fault: errorText(error) };
  }
}

/**
 * The first offset from `from` on that can be read, or `to`. A payload that is damaged hides only
 * itself, a frame that is damaged all behind it in its segment: so it goes on in growing steps,
 * and then back to where that begins.
 */
async function findReadable(place: CheckpointPlace, from: number, to: number): Promise<number> {
  let hidden = from - 1;
  let step = 1;
  let found = from;
  while (found < to && !(await isReadable(place, found))) {
    hidden = found;
    step *= 2;
    found = Math.min(to, found + step);
  }
  while (found - hidden > 1) {
    const middle = Math.floor((hidden + found) / 2);
    if (await isReadable(place, middle)) found = middle;
    else hidden = middle;
  }
  return found;
}

async function isReadable(place: CheckpointPlace, offset: number): Promise<boolean> {
  const { stream, partition, signal } = place;
  const reader = stream.reader(TOPIC_CHECKPOINTS, partition, offset);
  try {
    const how = { bytesMax: 1, waitMs: READ_MS_MAX, ...(signal === undefined ? {} : { signal }) };
    return (await reader.next(how)).length > 0;
  } catch (error) {
    if (error instanceof StreamError && error.code === STREAM_CODES.corrupt) return false;
    throw error;
  } finally {
    await reader.close();
  }
}
