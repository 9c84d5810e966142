import { formatAddress, type Address, type TimeUs } from '@millrace/model';
import { MillraceError } from '@millrace/runtime';
import { partitionName, TOPIC_EVENTS, TOPIC_SERIES } from '@millrace/stream';

/** Why the writer stops a partition by itself. The codes are stable: people search for them. */
export const WRITER_CODES = {
  /** The log holds records before and after some entries, but not these entries. */
  gap: 'WRITER_GAP',
  /** The log forgot entries before the store had them. */
  expired: 'WRITER_EXPIRED',
  /** The store has applied entries of events that the log does not hold (yet again). */
  ahead: 'WRITER_AHEAD',
  /** Records of one log carry another log number than the store knows for that log. */
  logNumber: 'WRITER_LOG_NUMBER',
} as const;
export type WriterCode = (typeof WRITER_CODES)[keyof typeof WRITER_CODES];

/** Entries that the store needs next and that the log does not hold. */
export interface MissingEntries {
  partition: number;
  source: string;
  /** The store's mark: the first address that is missing. */
  from: Address;
  /** The first address behind the missing ones that the log does hold. */
  to: Address;
  /** Whether the log has forgotten records of this partition. */
  hasForgotten: boolean;
}

export function missingEntries(missing: MissingEntries): MillraceError {
  const { partition, source, from, to, hasForgotten } = missing;
  const range = `${formatAddress(from)} up to ${formatAddress(to)}`;
  const where = `${partitionName(TOPIC_SERIES, partition)} (source ${source})`;
  const why = hasForgotten
    ? `no longer holds the entries ${range}: its retention was over before they were stored`
    : `does not hold the entries ${range}, although it holds later ones`;
  return new MillraceError({
    code: hasForgotten ? WRITER_CODES.expired : WRITER_CODES.gap,
    kind: 'permanent',
    message:
      `${where} ${why}. The writer stopped this partition; nothing was skipped and nothing ` +
      `is applied twice. It goes on by itself as soon as they are in the log again.`,
    remedy:
      `Let the transformer put them out again: "millrace checkpoint restore --partition ` +
      `${partition} --at-most ${from.offset}" puts its state back to a checkpoint before them, ` +
      `or to the beginning of ${partitionName(TOPIC_EVENTS, partition)}; nothing need be stopped.`,
  });
}

/** It has the id that it had: there is no other log to accept. */
const REMEDY_OF_LOST_END =
  'Put back the log that belongs to this store. If it is gone for good, "millrace setup ' +
  '--accept-new-log --plan" tells partition by partition what is so, changes nothing, and says ' +
  'how to go on with the log or with the store: nothing makes one of both. Senders may go on ' +
  'meanwhile; such a log forgets nothing.';

export function storeAhead(
  params: Readonly<{ partition: number; mark: Address; endOffset: number }>,
): MillraceError {
  const { partition, mark, endOffset } = params;
  const events = partitionName(TOPIC_EVENTS, partition);
  return new MillraceError({
    code: WRITER_CODES.ahead,
    kind: 'permanent',
    message:
      `The store has applied partition ${partition} up to ${formatAddress(mark)}, but ${events} ` +
      `ends at ${endOffset}: the log is older than the store, as after restoring a copy of it. ` +
      'What is appended now would be taken for what is stored already, so nothing is applied.',
    remedy: REMEDY_OF_LOST_END,
  });
}

/** The log is as long as it was, and has not the records that it had. */
export function eventReplaced(
  params: Readonly<{ partition: number; offset: number }>,
): MillraceError {
  const { partition, offset } = params;
  const which = `Offset ${offset} of ${partitionName(TOPIC_EVENTS, partition)}`;
  return replaced(`${which} is not the event of which the store has entries`);
}

/** The same, seen by its time. */
export function logReplaced(
  params: Readonly<{ partition: number; offset: number; timeUs: TimeUs; partitionTimeUs: TimeUs }>,
): MillraceError {
  const { partition, offset, timeUs, partitionTimeUs } = params;
  const timeOf = (us: TimeUs): string => new Date(us / 1000).toISOString();
  return replaced(
    `Offset ${offset} of ${partitionName(TOPIC_EVENTS, partition)} came at ${timeOf(timeUs)}, ` +
      `and what the store has counted up to there at ${timeOf(partitionTimeUs)} at the latest`,
  );
}

function replaced(what: string): MillraceError {
  return new MillraceError({
    code: WRITER_CODES.ahead,
    kind: 'permanent',
    message:
      `${what}: the log lost its end, or an older copy of it was put back, and other records ` +
      'took the offsets that are stored. They would be passed over, so nothing is applied; the ' +
      'log keeps them.',
    remedy: REMEDY_OF_LOST_END,
  });
}

export function otherLogNumber(
  params: Readonly<{ logId: string; known: number; found: number }>,
): MillraceError {
  const { logId, known, found } = params;
  return new MillraceError({
    code: WRITER_CODES.logNumber,
    kind: 'permanent',
    message:
      `The store knows log ${logId} as number ${known}, the record as number ${found}. The names ` +
      'of open windows contain that number: they would be stored twice. Nothing was applied.',
    remedy: 'Put back the state of the transformer that belongs to this store.',
  });
}

/** The same error, telling which record of the log it is about. */
export function atRecord(error: unknown, partition: number, offset: number): unknown {
  if (!(error instanceof MillraceError)) return error;
  return new MillraceError({
    code: error.code,
    kind: error.kind,
    message: `${partitionName(TOPIC_SERIES, partition)}, offset ${offset}: ${error.message}`,
    ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
    cause: error,
  });
}

/** The store was asked, and has neither answered nor failed. */
export function storeSilent(tookMs: number): MillraceError {
  return new MillraceError({
    code: 'WRITER_STORE_SILENT',
    kind: 'transient',
    message:
      `The store has not answered for ${Math.round(tookMs / 1000)} s. Nothing is lost: the log ` +
      'keeps what is not applied, and takes more.',
    remedy: 'Look at PostgreSQL: its load, its locks and its disk. It goes on by itself.',
  });
}

/** The store has less than it had: as after a crash, when it does not wait for its disk. */
export function markTakenBack(partition: number): MillraceError {
  return new MillraceError({
    code: 'WRITER_MARK_TAKEN_BACK',
    kind: 'outrun',
    message:
      `The store lost what it had applied last of partition ${partition}, as after a crash. The ` +
      'log still holds it, and it is applied again.',
  });
}
