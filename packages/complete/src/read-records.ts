import { MillraceError } from '@millrace/runtime';
import { TOPIC_EVENTS, type Stream, type StreamRecord } from '@millrace/stream';

const READ_BYTES_MAX = 4 * 1024 * 1024;
const WAIT_MS = 500;

interface RecordsPlace {
  stream: Stream;
  partition: number;
  logWaitMsMax: number;
  signal?: AbortSignal | undefined;
}

/**
 * The events [from, to) in order. A record is valid until the next step.
 *
 * @throws MillraceError COMPLETE_LOG_SHORT when the log does not show in time what the store has.
 */
export async function* readRecords(
  { stream, partition, logWaitMsMax, signal }: RecordsPlace,
  from: number,
  to: number,
): AsyncGenerator<StreamRecord> {
  if (from >= to) return;
  const reader = stream.reader(TOPIC_EVENTS, partition, from);
  const how = { bytesMax: READ_BYTES_MAX, waitMs: WAIT_MS };
  try {
    let position = from;
    let waitedMs = 0;
    while (position < to) {
      const records = await reader.next(signal === undefined ? how : { ...how, signal });
      waitedMs = records.length === 0 ? waitedMs + WAIT_MS : 0;
      if (waitedMs >= logWaitMsMax) throw logShort(partition, position, to);
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

function logShort(partition: number, position: number, to: number): MillraceError {
  return new MillraceError({
    code: 'COMPLETE_LOG_SHORT',
    kind: 'transient',
    message:
      `Partition ${partition} of metrics.events ends at ${position}, and the store has applied ` +
      `what came before ${to}. No window was changed that needs it.`,
    remedy:
      'Check that log and database belong together: brokers, topic prefix, data directory. ' +
      '"millrace audit" tells what is missing.',
  });
}
