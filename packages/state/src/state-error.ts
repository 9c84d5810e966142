import { MillraceError, type ErrorKind } from '@millrace/runtime';

/** What can go wrong with committed state. The codes are stable: people search for them. */
export const STATE_CODES = {
  /**
   * The committed state contradicts itself: a page fails its checksum, pages without a position,
   * a number of pages that is not the recorded one, a damaged file. It is refused, never mended: it
   * is made again from a checkpoint, and what follows that is folded again.
   */
  corrupt: 'STATE_CORRUPT',
  /** Its files were there and are gone while it is in use: nothing is made in their place. */
  lost: 'STATE_LOST',
  /** There is no room for the commit. Nothing changed; it works again when there is. */
  full: 'STATE_FULL',
  /** The device failed the commit or the read. */
  io: 'STATE_IO',
  /** Too much at once, or not ready yet: it works again by itself. */
  busy: 'STATE_BUSY',
  /** The files may not be read or written by this user, or the file system is read-only. */
  forbidden: 'STATE_FORBIDDEN',
  /** One commit changes more than the adapter can hold in one transaction. */
  tooBig: 'STATE_COMMIT_TOO_BIG',
  /** The key of a page is longer than `PAGE_KEY_BYTES_MAX`, or empty. */
  badKey: 'STATE_BAD_KEY',
  /** The adapter gave up on its files; only opening them again helps. */
  broken: 'STATE_BROKEN',
  /** Called after `close`. */
  closed: 'STATE_CLOSED',
  /** The state's server cannot be reached, went away, or gave no answer in time. */
  unreachable: 'STATE_UNREACHABLE',
  /** The state's server did not let us in, or forbids a command that is needed. */
  unauthorized: 'STATE_UNAUTHORIZED',
  /** The state's server takes no writes: it is a replica, or too few replicas follow it. */
  readOnly: 'STATE_READ_ONLY',
  /** The address, the key prefix or the kind of the state's server cannot be used. */
  badSettings: 'STATE_BAD_SETTINGS',
  /** The state's server answered with an error that this program does not know. */
  unknown: 'STATE_UNKNOWN_ERROR',
} as const;
export type StateCode = (typeof STATE_CODES)[keyof typeof STATE_CODES];

/** An error of a state store. */
export class StateError extends MillraceError {
  declare readonly code: StateCode;

  constructor(
    params: Readonly<{
      code: StateCode;
      kind: ErrorKind;
      message: string;
      remedy: string;
      cause?: unknown;
    }>,
  ) {
    super(params);
    this.name = 'StateError';
  }
}

/** Committed state that contradicts itself. */
export function corruptState(
  params: Readonly<{ where: string; detail: string; remedy?: string; cause?: unknown }>,
): StateError {
  return new StateError({
    code: STATE_CODES.corrupt,
    kind: 'permanent',
    message:
      `The committed state (${params.where}) cannot be trusted: ${params.detail}. ` +
      'Nothing was counted from it and nothing is lost: the log still has every record.',
    remedy:
      params.remedy ??
      'Look at "millrace checkpoint list": without a checkpoint, keep the files for examination ' +
        'and remove the state, so that it is computed from the log again.',
    cause: params.cause,
  });
}

/** Files of a state that are gone under whoever uses it. */
export function lostState(where: string): StateError {
  return new StateError({
    code: STATE_CODES.lost,
    kind: 'permanent',
    message:
      `The committed state in ${where} is gone: its files were there when it was opened. ` +
      'Nothing was made in their place and nothing is lost: the log still has every record.',
    remedy:
      'If a disk belongs there, mount it again, and it goes on by itself. Otherwise stop and ' +
      'start again: the state is made from the newest checkpoint and the log.',
  });
}

export function isCorruptState(error: unknown): boolean {
  return error instanceof StateError && error.code === STATE_CODES.corrupt;
}

export function closedState(where: string): StateError {
  return new StateError({
    code: STATE_CODES.closed,
    kind: 'transient',
    message: `The state store (${where}) is closed; nothing was read or written.`,
    remedy: 'Open it again.',
  });
}

export function badPageKey(key: string): StateError {
  return new StateError({
    code: STATE_CODES.badKey,
    kind: 'defect',
    message:
      `A page key of ${Buffer.byteLength(key)} bytes cannot be stored; nothing was committed. ` +
      `It starts with "${key.slice(0, 40)}".`,
    remedy: 'Report this as a bug of Millrace.',
  });
}
