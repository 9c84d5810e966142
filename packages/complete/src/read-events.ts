import { MillraceError } from '@millrace/runtime';
import { readRecords, TOPIC_EVENTS, type Stream, type StreamRecord } from '@millrace/stream';

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
export async function* readEvents(
  { stream, partition, logWaitMsMax, signal }: RecordsPlace,
  from: number,
  to: number,
): AsyncGenerator<StreamRecord> {
  const wanted = {
    topic: TOPIC_EVENTS,
    partition,
    from,
    to,
    waitMsMax: logWaitMsMax,
    signal,
  } as const;
  const position = yield* readRecords(stream, wanted);
  if (position < to) throw logShort(partition, position, to);
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
