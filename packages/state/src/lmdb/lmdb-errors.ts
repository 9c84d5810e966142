import type { ErrorKind } from '@millrace/runtime';
import { STATE_CODES, StateError, type StateCode } from '../state-error.ts';

/** What calls on files can answer with; the other codes are those of servers, or found by looking. */
type FileStateCode = Exclude<
  StateCode,
  | typeof STATE_CODES.lost
  | typeof STATE_CODES.unreachable
  | typeof STATE_CODES.unauthorized
  | typeof STATE_CODES.readOnly
  | typeof STATE_CODES.badSettings
  | typeof STATE_CODES.unknown
>;

/** What each native code means: LMDB's own are negative, the system's errno values positive. */
export const LMDB_ERRORS: Readonly<Record<number, LmdbMeaning>> = {
  [-30797]: meaning('MDB_PAGE_NOTFOUND', STATE_CODES.corrupt),
  [-30796]: meaning('MDB_CORRUPTED', STATE_CODES.corrupt),
  [-30795]: meaning('MDB_PANIC', STATE_CODES.broken),
  [-30794]: meaning('MDB_VERSION_MISMATCH', STATE_CODES.corrupt),
  [-30793]: meaning('MDB_INVALID', STATE_CODES.corrupt),
  [-30792]: meaning('MDB_MAP_FULL', STATE_CODES.full),
  [-30791]: meaning('MDB_DBS_FULL', STATE_CODES.broken),
  [-30790]: meaning('MDB_READERS_FULL', STATE_CODES.busy),
  [-30789]: meaning('MDB_TLS_FULL', STATE_CODES.busy),
  [-30788]: meaning('MDB_TXN_FULL', STATE_CODES.tooBig),
  [-30787]: meaning('MDB_CURSOR_FULL', STATE_CODES.corrupt),
  [-30786]: meaning('MDB_PAGE_FULL', STATE_CODES.corrupt),
  [-30785]: meaning('MDB_MAP_RESIZED', STATE_CODES.busy),
  [-30784]: meaning('MDB_INCOMPATIBLE', STATE_CODES.corrupt),
  [-30783]: meaning('MDB_BAD_RSLOT', STATE_CODES.broken),
  [-30782]: meaning('MDB_BAD_TXN', STATE_CODES.broken),
  [-30781]: meaning('MDB_BAD_VALSIZE', STATE_CODES.badKey),
  [-30780]: meaning('MDB_BAD_DBI', STATE_CODES.broken),
  1: meaning('EPERM', STATE_CODES.forbidden),
  5: meaning('EIO', STATE_CODES.io),
  11: meaning('EAGAIN', STATE_CODES.busy),
  12: meaning('ENOMEM', STATE_CODES.busy),
  13: meaning('EACCES', STATE_CODES.forbidden),
  16: meaning('EBUSY', STATE_CODES.busy),
  23: meaning('ENFILE', STATE_CODES.busy),
  24: meaning('EMFILE', STATE_CODES.busy),
  27: meaning('EFBIG', STATE_CODES.full),
  28: meaning('ENOSPC', STATE_CODES.full),
  30: meaning('EROFS', STATE_CODES.forbidden),
  122: meaning('EDQUOT', STATE_CODES.full),
};

export interface LmdbMeaning {
  native: string;
  code: FileStateCode;
}

/** Translates whatever LMDB or the file system threw; the only place that does. */
export function lmdbError(
  params: Readonly<{
    error: unknown;
    where: string;
    doing: string;
    /** LMDB reports a write that the disk had no more room for as EIO; the caller knows. */
    noRoom?: boolean;
  }>,
): StateError {
  const { error, where, doing } = params;
  if (error instanceof StateError) return error;
  const known = LMDB_ERRORS[nativeCode(error)];
  const code = known?.code === STATE_CODES.io && params.noRoom ? STATE_CODES.full : known?.code;
  const { kind, consequence, remedy } = CONSEQUENCES[code ?? STATE_CODES.io];
  const native = known?.native ?? 'unknown';
  const text = error instanceof Error ? error.message : String(error);
  return new StateError({
    code: code ?? STATE_CODES.io,
    kind,
    message: `${doing} the state in ${where} failed (${native}: ${text}). ${consequence}`,
    remedy,
    cause: error,
  });
}

interface Consequence {
  kind: ErrorKind;
  consequence: string;
  remedy: string;
}

const UNTOUCHED = 'The state is as it was and the log keeps every record; it is tried again.';

const CONSEQUENCES: Readonly<Record<FileStateCode, Consequence>> = {
  [STATE_CODES.corrupt]: {
    kind: 'permanent',
    consequence: 'Nothing was counted from it; the log still has every record.',
    remedy:
      'Keep the files for examination, then remove them so that the state is computed ' +
      'from the log again.',
  },
  [STATE_CODES.full]: {
    kind: 'transient',
    consequence: UNTOUCHED,
    remedy: 'Make room on the file system of the state.',
  },
  [STATE_CODES.io]: {
    kind: 'transient',
    consequence: UNTOUCHED,
    remedy: 'Check the device and the system log.',
  },
  [STATE_CODES.busy]: {
    kind: 'transient',
    consequence: UNTOUCHED,
    remedy: 'If it lasts, look for other processes on the same files and for low limits.',
  },
  [STATE_CODES.forbidden]: {
    kind: 'permanent',
    consequence: 'Nothing was read or written.',
    remedy: 'Give the user of this process the right to read and write these files.',
  },
  [STATE_CODES.tooBig]: {
    kind: 'permanent',
    consequence: 'The state is as it was and the log keeps every record.',
    remedy: 'Commit more often, or lower the bounds of what a partition remembers.',
  },
  [STATE_CODES.badKey]: {
    kind: 'defect',
    consequence: 'Nothing was committed.',
    remedy: 'Report this as a bug of Millrace.',
  },
  [STATE_CODES.broken]: {
    kind: 'defect',
    consequence: 'What was committed before stays; the log keeps every record.',
    remedy: 'Restart the process; it opens the files again.',
  },
  [STATE_CODES.closed]: {
    kind: 'transient',
    consequence: 'Nothing was read or written.',
    remedy: 'Open it again.',
  },
};

const ERRNO_BY_NAME: Readonly<Record<string, number>> = Object.fromEntries(
  Object.entries(LMDB_ERRORS).map(([code, { native }]) => [native, Number(code)]),
);

/** LMDB puts a number into `code`, Node's own file calls a name. */
function nativeCode(error: unknown): number {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  if (typeof code === 'number') return code;
  return typeof code === 'string' ? (ERRNO_BY_NAME[code] ?? 0) : 0;
}

function meaning(native: string, code: FileStateCode): LmdbMeaning {
  return { native, code };
}
