import { MillraceError } from '@millrace/runtime';

export function otherLog(partition: number, known: string, found: string): MillraceError {
  return new MillraceError({
    code: 'TRANSFORMER_OTHER_LOG',
    kind: 'permanent',
    message:
      `Partition ${partition} of metrics.events is not the log its state was folded from: ` +
      `the state belongs to log ${known}, there is ${found}. The partition is not folded; ` +
      'nothing was skipped and what is stored stays.',
    remedy: 'Put the old log back, or go on with the new one: millrace setup --accept-new-log.',
  });
}

export function logIsShorter(partition: number, position: number, end: number): MillraceError {
  return new MillraceError({
    code: 'TRANSFORMER_LOG_SHORTER',
    kind: 'permanent',
    message:
      `Partition ${partition} of metrics.events ends at ${end}, but its state has folded up to ` +
      `${position}: the log lost records that were flushed. The partition is not folded on.`,
    remedy: remedyOfLostEnd(partition, end),
  });
}

/** It is as long as before, and took other records in place of some that are folded. */
export function otherHistory(partition: number, offset: number): MillraceError {
  return new MillraceError({
    code: 'TRANSFORMER_OTHER_HISTORY',
    kind: 'permanent',
    message:
      `Offset ${offset} of partition ${partition} of metrics.events is not the record that its ` +
      'state has folded there: the log lost its end, or an older copy of it was put back, and it ' +
      'took other records since. The partition is not folded; nothing was skipped.',
    remedy: remedyOfLostEnd(partition, offset),
  });
}

/**
 * It is the same log by its id, so that there is none to accept. Of checkpoints those of what it
 * lost are told by their digests, however small the number.
 */
function remedyOfLostEnd(partition: number, positionMax: number): string {
  return (
    'Put back the log that belongs to this state, if there is one still. If there is none, stop ' +
    `the writers, run "millrace checkpoint restore --partition ${partition} --at-most ` +
    `${positionMax}", which goes on from the newest checkpoint of before the loss or from the ` +
    'first record, and start them again: where the store has some of what the log lost they say ' +
    'so (WRITER_AHEAD). There is no new log to accept: it has the id that it had.'
  );
}

export function expired(partition: number, position: number, start: number): MillraceError {
  return new MillraceError({
    code: 'TRANSFORMER_EXPIRED',
    kind: 'permanent',
    message:
      `Records ${position} to ${start - 1} of partition ${partition} of metrics.events expired ` +
      'before they were folded. The partition stops there instead of skipping them.',
    remedy:
      'There is no checkpoint that leads into the log ("millrace checkpoint list" says why). Put ' +
      'the state (the directory, or what Redis held) or the missing records back from a backup, ' +
      'or set MILLRACE_ARCHIVE__URL to an archive that has them. The partition is looked at again every half minute.',
  });
}
