import type { PartitionReader, Stream, StreamRecord, Topic } from '@millrace/stream';

const READ_BYTES_MAX = 4 * 1024 * 1024;
const WAIT_MS = 500;

export interface LogRange {
  topic: Topic;
  partition: number;
  from: number;
  to: number;
  /** How long to wait for records that must be there: others may see the end of the log earlier. */
  waitMsMax: number;
  signal?: AbortSignal | undefined;
}

/**
 * The records [from, to) in order. Fewer come when the log ends before and does not go on. A record
 * is valid until the next step.
 */
export async function* readLog(stream: Stream, range: LogRange): AsyncGenerator<StreamRecord> {
  const { topic, partition, from, to, waitMsMax, signal } = range;
  if (from >= to) return;
  const reader = stream.reader(topic, partition, from);
  try {
    let position = from;
    let waitedMs = 0;
    while (position < to && waitedMs < waitMsMax) {
      const records = await nextOf(reader, signal);
      waitedMs = records.length === 0 ? waitedMs + WAIT_MS : 0;
      for (const record of records) {
        if (record.offset >= to) return;
        yield record;
        position = record.offset + 1;
      }
    }
  } finally {
    await reader.close();
  }
}

async function nextOf(
  reader: PartitionReader,
  signal: AbortSignal | undefined,
): Promise<readonly StreamRecord[]> {
  return await reader.next({
    bytesMax: READ_BYTES_MAX,
    waitMs: WAIT_MS,
    ...(signal === undefined ? {} : { signal }),
  });
}

/** The record at one offset, as its own copy. */
export async function readRecord(
  stream: Stream,
  at: Readonly<{ topic: Topic; partition: number; offset: number }>,
): Promise<Uint8Array | undefined> {
  const { topic, partition, offset } = at;
  const range = { topic, partition, from: offset, to: offset + 1, waitMsMax: WAIT_MS };
  for await (const { payload } of readLog(stream, range)) return payload.slice();
  return undefined;
}
