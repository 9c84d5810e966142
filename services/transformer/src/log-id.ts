import { readEvent } from '@millrace/checkpoint';
import { MillraceError } from '@millrace/runtime';
import { TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { decodeEventsRecord, EventsRecordKind } from '@millrace/wire';
import { readLastHeader } from './begin-anew.ts';

/** Whose log it is. */
export interface LogPlace {
  stream: Stream;
  partition: number;
  signal: AbortSignal;
}

/** The id of a log whose first record is there. */
export async function logIdOf(place: LogPlace): Promise<string> {
  const record = decodeEventsRecord(await readEvent(place, 0));
  if (record.kind !== EventsRecordKind.log) throw noLogRecord(place.partition);
  return record.logId;
}

/** Of the log that is there; undefined: neither it nor what was put out of it tells. */
export async function findLogId(place: LogPlace): Promise<string | undefined> {
  const { start, end } = await place.stream.bounds(TOPIC_EVENTS, place.partition);
  if (start === 0 && end > 0) return await logIdOf(place);
  return (await readLastHeader(place))?.logId;
}

function noLogRecord(partition: number): MillraceError {
  return new MillraceError({
    code: 'TRANSFORMER_NO_LOG_ID',
    kind: 'permanent',
    message: `The first record of partition ${partition} of metrics.events names no log id.`,
    remedy: 'Check that only Millrace writes to its topics.',
  });
}
