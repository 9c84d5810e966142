import { MillraceError } from '@millrace/runtime';
import type { Stream, StreamRecord } from '@millrace/stream';
import type { ArchivedTopic } from './range.ts';

const READ_BYTES_MAX = 1024 * 1024;
const READ_MS_MAX = 10_000;

/** The records `[from, to)`, which are there. Each is valid until the next one. */
export async function* readLog(
  stream: Stream,
  what: Readonly<{
    topic: ArchivedTopic;
    partition: number;
    from: number;
    to: number;
    signal?: AbortSignal | undefined;
  }>,
): AsyncGenerator<StreamRecord> {
  const { topic, partition, from, to, signal } = what;
  const reader = stream.reader(topic, partition, from);
  const how = { bytesMax: READ_BYTES_MAX, waitMs: READ_MS_MAX, ...(signal ? { signal } : {}) };
  try {
    for (let position = from; position < to;) {
      const records = await reader.next(how);
      if (records.length === 0) throw unread(what, position);
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

/** One record, as its own copy. */
export async function readOne(
  stream: Stream,
  what: Readonly<{
    topic: ArchivedTopic;
    partition: number;
    offset: number;
    signal?: AbortSignal | undefined;
  }>,
): Promise<Uint8Array> {
  const { offset } = what;
  for await (const { payload } of readLog(stream, { ...what, from: offset, to: offset + 1 })) {
    return payload.slice();
  }
  throw unread(what, offset);
}

function unread(
  { topic, partition }: Readonly<{ topic: string; partition: number }>,
  offset: number,
): MillraceError {
  return new MillraceError({
    code: 'ARCHIVE_LOG_UNREAD',
    kind: 'transient',
    message:
      `Record ${offset} of ${topic}/${partition} did not come in time; nothing of it was ` +
      'archived or used, and nothing is lost.',
    remedy: 'It is tried again; if it lasts, look at the log: "millrace lag".',
  });
}
