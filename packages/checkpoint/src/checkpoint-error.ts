import { MillraceError } from '@millrace/runtime';

/** A checkpoint that is not what its manifest says, or is not all there. */
export function checkpointDamaged(
  params: Readonly<{ partition: number; offset: number; detail: string; cause?: unknown }>,
): MillraceError {
  const { partition, offset, detail, cause } = params;
  return new MillraceError({
    code: 'CHECKPOINT_DAMAGED',
    kind: 'permanent',
    message:
      `The checkpoint at offset ${offset} of partition ${partition} of metrics.checkpoints ` +
      `cannot be used: ${detail}. Nothing was counted from it; older ones and the log are untouched.`,
    remedy: 'Make another one with "millrace checkpoint now"; it replaces this one.',
    cause,
  });
}

/** The log said that there is more, and then had nothing for longer than it may take. */
export function checkpointUnread(partition: number, offset: number): MillraceError {
  return new MillraceError({
    code: 'CHECKPOINT_UNREAD',
    kind: 'transient',
    message:
      `Record ${offset} of partition ${partition} of metrics.checkpoints did not come in time. ` +
      'Nothing was changed.',
    remedy: 'It is tried again; if it lasts, look at the log: "millrace lag".',
  });
}

/** The same of the events log. */
export function eventsUnread(partition: number, offset: number): MillraceError {
  return new MillraceError({
    code: 'CHECKPOINT_EVENTS_UNREAD',
    kind: 'transient',
    message:
      `Record ${offset} of partition ${partition} of metrics.events did not come in time. ` +
      'Nothing was changed.',
    remedy: 'It is tried again; if it lasts, look at the log: "millrace lag".',
  });
}

/** The committed state is not at the position that it was committed under. */
export function stateElsewhere(
  params: Readonly<{ partition: number; committed: string; inside: string }>,
): MillraceError {
  const { partition, committed, inside } = params;
  return new MillraceError({
    code: 'CHECKPOINT_STATE',
    kind: 'permanent',
    message:
      `The state of partition ${partition} was committed at ${committed} and says itself that it ` +
      `is at ${inside}: no checkpoint was made of it.`,
    remedy: 'Report this as a bug of Millrace, with "millrace checkpoint list".',
  });
}
