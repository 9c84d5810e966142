import { MillraceError, type ErrorKind } from '@millrace/runtime';
import {
  partitionsOf,
  TOPIC_CHECKPOINTS,
  TOPIC_CONTROL,
  TOPIC_EVENTS,
  TOPIC_SERIES,
  type Topic,
} from './stream.ts';

/** What can go wrong with the log. The codes are stable: people search for them. */
export const STREAM_CODES = {
  /** More bytes wait for their flush than the bound allows. Appends work again as they drain. */
  overloaded: 'STREAM_OVERLOADED',
  /** There is no room: the disk is full, or the topic's own bound is reached. */
  full: 'STREAM_FULL',
  /** The device failed a write, a flush or a read. The log mends its end and goes on by itself. */
  broken: 'STREAM_BROKEN',
  /** Called after `close`, or the thread that appends to the topic is gone. */
  closed: 'STREAM_CLOSED',
  /** The record is larger than `recordBytesMax`; the same record will always be refused. */
  recordTooLarge: 'STREAM_RECORD_TOO_LARGE',
  /** A reader's position was already forgotten, or lies beyond the end of the log. */
  outOfRange: 'STREAM_OUT_OF_RANGE',
  /** Bytes that were flushed fail their check. Never skipped, never cut off. */
  corrupt: 'STREAM_CORRUPT',
  /** The log has another number of partitions than asked for. */
  partitions: 'STREAM_PARTITIONS',
  /** The log is another one than at the start: made again, or cut back, while it was in use. */
  replaced: 'STREAM_REPLACED',
  /** No broker answers, or a partition has no leader. Tried again by whoever asks. */
  unreachable: 'STREAM_UNREACHABLE',
  /**
   * There is no log here yet, or its topics are missing, cannot be made, or are configured so that
   * records could be lost.
   */
  notSetUp: 'STREAM_NOT_SET_UP',
  /** The list of brokers cannot be read. */
  address: 'STREAM_ADDRESS',
  /** The log's files, or its brokers, are of a version that this one does not know. */
  version: 'STREAM_VERSION',
  /** This user may not open the files or use the topics, or the file system is read-only. */
  forbidden: 'STREAM_FORBIDDEN',
  /** A second thread wants to append to a topic that has an owner. */
  owned: 'STREAM_OWNED',
  /** Whoever coordinates the sharing of partitions cannot be reached; it is tried again. */
  groupAway: 'STREAM_GROUP_AWAY',
  /** The coordinator refuses this process for a reason that a person has to change. */
  groupRefused: 'STREAM_GROUP_REFUSED',
  /** A call that no stage may make: an unknown partition, two `next` at once, no way to append. */
  misuse: 'STREAM_MISUSE',
} as const;
export type StreamCode = (typeof STREAM_CODES)[keyof typeof STREAM_CODES];

/** The kind belongs to the code: what is refused is decided once, here. */
const kindOf: Readonly<Record<StreamCode, ErrorKind>> = {
  STREAM_OVERLOADED: 'transient',
  STREAM_FULL: 'transient',
  STREAM_BROKEN: 'transient',
  STREAM_CLOSED: 'transient',
  STREAM_RECORD_TOO_LARGE: 'permanent',
  STREAM_OUT_OF_RANGE: 'permanent',
  STREAM_CORRUPT: 'permanent',
  STREAM_PARTITIONS: 'permanent',
  STREAM_REPLACED: 'permanent',
  STREAM_UNREACHABLE: 'transient',
  STREAM_NOT_SET_UP: 'permanent',
  STREAM_ADDRESS: 'permanent',
  STREAM_VERSION: 'permanent',
  STREAM_FORBIDDEN: 'permanent',
  STREAM_OWNED: 'permanent',
  STREAM_GROUP_AWAY: 'transient',
  STREAM_GROUP_REFUSED: 'permanent',
  STREAM_MISUSE: 'defect',
};

/** An error of the log. */
export class StreamError extends MillraceError {
  declare readonly code: StreamCode;

  constructor(
    params: Readonly<{ code: StreamCode; message: string; remedy: string; cause?: unknown }>,
  ) {
    super({ ...params, kind: kindOf[params.code] });
    this.name = 'StreamError';
  }
}

/** `metrics.events/3`: how every error names a partition. */
export function partitionName(topic: Topic, partition: number): string {
  return `${topic}/${partition}`;
}

export function overloaded(where: string, inFlightBytesMax: number): StreamError {
  return new StreamError({
    code: STREAM_CODES.overloaded,
    message:
      `${where}: more than ${inFlightBytesMax} bytes wait to be flushed; this record was not ` +
      'appended and nothing else was lost.',
    remedy: 'Send again after a pause. If it lasts, the disk is slower than what is sent.',
  });
}

export function recordTooLarge(where: string, bytes: number, bytesMax: number): StreamError {
  return new StreamError({
    code: STREAM_CODES.recordTooLarge,
    message: `${where}: a record of ${bytes} bytes exceeds ${bytesMax} and was not appended.`,
    remedy: 'Send smaller requests, or report this as a bug: parts are cut well below that.',
  });
}

export function topicFull(topic: Topic, bytes: number, bytesMax: number): StreamError {
  return new StreamError({
    code: STREAM_CODES.full,
    message:
      `${topic} holds ${bytes} bytes and may hold ${bytesMax}; the record was not appended. ` +
      `${WHEN_FULL[topic]} Everything acknowledged before is kept until it is stored and, with ` +
      'an archive, archived: /readyz tells which of them is away.',
    remedy:
      'Records are forgotten once they are stored, past their retention and, with an archive, ' +
      'archived: look at "millrace lag" and "millrace archive status", let store and archive ' +
      'catch up, lower the retention or raise MILLRACE_LOG__TOPIC_BYTES_MAX.',
  });
}

/** What that is for whoever uses it. */
const WHEN_FULL: Readonly<Record<Topic, string>> = {
  [TOPIC_EVENTS]: 'Senders are told to send again.',
  [TOPIC_SERIES]:
    'What was folded is not put out, and folding waits, because the store is so far behind; data ' +
    `is taken all the same, as long as ${TOPIC_EVENTS} has room.`,
  [TOPIC_CHECKPOINTS]: 'No checkpoint was made; the ones before stay.',
  [TOPIC_CONTROL]: 'Nothing was changed; what was in force stays.',
};

export function outOfRange(
  where: string,
  position: number,
  bounds: Readonly<{ start: number; end: number }>,
): StreamError {
  const which =
    position < bounds.start
      ? 'was already forgotten by its retention'
      : 'lies beyond its end, so the log is not the one this position was taken from';
  return new StreamError({
    code: STREAM_CODES.outOfRange,
    message:
      `${where}: position ${position} ${which}; the log holds ${bounds.start} up to ` +
      `${bounds.end}. Nothing was skipped.`,
    remedy:
      'Run "millrace setup --accept-new-log --plan": it tells which log, state and store there ' +
      'are, and changes nothing.',
  });
}

export function closedStream(where: string): StreamError {
  return new StreamError({
    code: STREAM_CODES.closed,
    message: `${where} is closed; nothing was appended or read by this call.`,
    remedy: 'Open the log again. A record whose append was under way may still be in it.',
  });
}

export function misuse(message: string): StreamError {
  return new StreamError({
    code: STREAM_CODES.misuse,
    message: `${message} Nothing was appended or read.`,
    remedy: 'Report this as a bug of Millrace.',
  });
}

/** What `append` and `reader` check before anything else; `partitions` is P. */
export function checkPartition(topic: Topic, partition: number, partitions: number): void {
  const count = partitionsOf(topic, partitions);
  if (Number.isInteger(partition) && partition >= 0 && partition < count) return;
  throw misuse(`${partitionName(topic, partition)} does not exist: it has ${count} partition(s).`);
}

/** What `release` checks: rules are needed as long as there is a log they were applied to. */
export function checkReleasable(topic: Topic): void {
  if (topic !== TOPIC_CONTROL) return;
  throw misuse(`${topic} keeps everything, and a part of it was to be released.`);
}
