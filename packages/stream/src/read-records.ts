import type { PartitionReader, Stream, StreamRecord, Topic } from './stream.ts';

const READ_BYTES_MAX = 4 * 1024 * 1024;
const WAIT_MS = 500;

export interface WantedRecords {
  topic: Topic;
  partition: number;
  from: number;
  to: number;
  /** How long to wait for records that must be there: others may see the end of the log earlier. */
  waitMsMax: number;
  signal?: AbortSignal | undefined;
}

/**
 * The records [from, to) in order. Fewer come when the log ends before and does not go on: it
 * returns the position up to which they came. A record is valid until the next step.
 */
export async function* readRecords(
  stream: Stream,
  { topic, partition, from, to, waitMsMax, signal }: WantedRecords,
): AsyncGenerator<StreamRecord, number> {
  if (from >= to) return from;
  const reader = stream.reader(topic, partition, from);
  try {
    let position = from;
    let waitedMs = 0;
    while (position < to) {
      const records = await nextOf(reader, READ_BYTES_MAX, signal);
      waitedMs = records.length === 0 ? waitedMs + WAIT_MS : 0;
      for (const record of records) {
        if (record.offset >= to) return to;
        yield record;
        position = record.offset + 1;
      }
      if (records.length === 0 && waitedMs >= waitMsMax) break;
    }
    return position;
  } finally {
    await reader.close();
  }
}

/** The record at an offset, as its own copy; undefined when it does not come in time. */
export async function readRecord(
  stream: Stream,
  {
    topic,
    partition,
    offset,
    waitMsMax,
    signal,
  }: Omit<WantedRecords, 'from' | 'to'> & Readonly<{ offset: number }>,
): Promise<StreamRecord | undefined> {
  const reader = stream.reader(topic, partition, offset);
  try {
    let waitedMs = 0;
    do {
      const [record] = await nextOf(reader, 1, signal);
      if (record !== undefined) return { ...record, payload: record.payload.slice() };
      waitedMs += WAIT_MS;
    } while (waitedMs < waitMsMax);
    return undefined;
  } finally {
    await reader.close();
  }
}

async function nextOf(
  reader: PartitionReader,
  bytesMax: number,
  signal: AbortSignal | undefined,
): Promise<readonly StreamRecord[]> {
  return await reader.next({
    bytesMax,
    waitMs: WAIT_MS,
    ...(signal === undefined ? {} : { signal }),
  });
}
