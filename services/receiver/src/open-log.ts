import { randomBytes } from 'node:crypto';
import { MillraceError } from '@millrace/runtime';
import { readRecord, TOPIC_EVENTS, type Stream } from '@millrace/stream';
import {
  decodeEventsRecord,
  encodeEventsRecord,
  EventsRecordKind,
  type BarrierRecord,
} from '@millrace/wire';

const LOG_ID_BYTES = 16;
/** The record is there; waiting only covers a log that tells of it a moment later. */
const FIRST_RECORD_WAIT_MS = 5000;

/**
 * Makes every partition of the events log begin with its id and the first barrier, and tells the
 * ids. Any number of processes may do so at once: each that finds a partition empty appends
 * both, the id at offset 0 is the partition's, and repeated barriers are ignored.
 *
 * Undefined where record 0 is no longer held: whoever needs the id has it in their own state.
 */
export async function openLog(
  params: Readonly<{ stream: Stream; barrier: BarrierRecord }>,
): Promise<(string | undefined)[]> {
  const { stream, barrier } = params;
  const producer = stream.producer();
  const logId = randomBytes(LOG_ID_BYTES).toString('hex');
  const open = async (partition: number): Promise<string | undefined> => {
    const { start, end } = await stream.bounds(TOPIC_EVENTS, partition);
    if (start > 0) return undefined;
    if (end === 0) {
      const log = encodeEventsRecord({ kind: EventsRecordKind.log, logId });
      await producer.append(TOPIC_EVENTS, partition, log);
    }
    // Also when a process ended between the two; a barrier that is there twice changes nothing.
    if (end <= 1) await producer.append(TOPIC_EVENTS, partition, encodeEventsRecord(barrier));
    return await readLogId(stream, partition);
  };
  try {
    return await Promise.all(Array.from({ length: stream.partitions }, (_, p) => open(p)));
  } finally {
    await producer.close();
  }
}

/**
 * The id of the log in each partition, of a log that somebody else has begun; undefined where
 * record 0 is no longer held.
 *
 * @throws MillraceError RECEIVER_NOT_SET_UP (permanent) while a partition is empty.
 */
export async function readLogIds(stream: Stream): Promise<(string | undefined)[]> {
  const read = async (partition: number): Promise<string | undefined> => {
    const { start, end } = await stream.bounds(TOPIC_EVENTS, partition);
    if (start > 0) return undefined;
    if (end === 0) throw notSetUp(partition);
    return await readLogId(stream, partition);
  };
  return await Promise.all(Array.from({ length: stream.partitions }, (_, p) => read(p)));
}

function notSetUp(partition: number): MillraceError {
  return new MillraceError({
    code: 'RECEIVER_NOT_SET_UP',
    kind: 'permanent',
    message:
      `Partition ${partition} of ${TOPIC_EVENTS} is empty: nobody has begun this log yet, and ` +
      'without its id and rules nothing can be taken.',
    remedy: 'Run "millrace setup"; the receiver goes on by itself.',
  });
}

async function readLogId(stream: Stream, partition: number): Promise<string> {
  const at = {
    topic: TOPIC_EVENTS,
    partition,
    offset: 0,
    waitMsMax: FIRST_RECORD_WAIT_MS,
  } as const;
  const first = await readRecord(stream, at);
  const record = first === undefined ? undefined : decodeEventsRecord(first.payload);
  if (record?.kind === EventsRecordKind.log) return record.logId;
  throw notALog(partition, record === undefined ? 'cannot be read' : 'is no log id');
}

function notALog(partition: number, what: string): MillraceError {
  return new MillraceError({
    code: 'RECEIVER_NOT_A_LOG',
    kind: 'permanent',
    message:
      `Record 0 of ${TOPIC_EVENTS}/${partition} ${what}, so it is not known which log this is. ` +
      'Nothing was appended behind it.',
    remedy: 'Check that the topic belongs to Millrace and that nothing else writes to it.',
  });
}
