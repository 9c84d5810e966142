import { MillraceError } from '@millrace/runtime';
import { readRecord, readRecords, type Stream, type StreamRecord } from '@millrace/stream';
import type { ArchivedTopic } from './range.ts';

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
  const position = yield* readRecords(stream, { ...what, waitMsMax: READ_MS_MAX });
  if (position < what.to) throw unread(what, position);
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
  const found = await readRecord(stream, { ...what, waitMsMax: READ_MS_MAX });
  if (found === undefined) throw unread(what, what.offset);
  return found.payload;
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
