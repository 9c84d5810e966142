import { errorText } from '@millrace/runtime';
import { STREAM_CODES, StreamError, type StreamCode } from '../stream-error.ts';

/** From errno to code. What is not named is `broken`: appends are refused and tried again. */
const codeOfErrno: Readonly<Record<string, StreamCode>> = {
  ENOSPC: STREAM_CODES.full,
  EDQUOT: STREAM_CODES.full,
  EFBIG: STREAM_CODES.full,
  EIO: STREAM_CODES.broken,
  ENOMEM: STREAM_CODES.broken,
  EMFILE: STREAM_CODES.broken,
  ENFILE: STREAM_CODES.broken,
  EAGAIN: STREAM_CODES.broken,
  EINTR: STREAM_CODES.broken,
  EACCES: STREAM_CODES.forbidden,
  EPERM: STREAM_CODES.forbidden,
  EROFS: STREAM_CODES.forbidden,
  ENOTDIR: STREAM_CODES.forbidden,
  EISDIR: STREAM_CODES.forbidden,
  ENOENT: STREAM_CODES.corrupt,
};

const remedyOf: Partial<Readonly<Record<StreamCode, string>>> = {
  [STREAM_CODES.full]:
    'Make room on the disk of the log; appends go on by themselves as soon as there is some.',
  [STREAM_CODES.broken]:
    'The log tries again by itself. If it lasts, look for disk errors in the kernel log (dmesg) ' +
    'and at the limit of open files.',
  [STREAM_CODES.forbidden]:
    'Let the user that runs millrace read and write the directory, and mount it writable.',
  [STREAM_CODES.corrupt]:
    'A file of the log was removed by something else. Restore it from a backup.',
};

/**
 * What a failed file operation means. `doing` completes "could not ..."; `effect` says what it
 * means for the data.
 */
export function translateFileError(
  error: unknown,
  params: Readonly<{ where: string; doing: string; effect: string }>,
): StreamError {
  if (error instanceof StreamError) return error;
  return create(codeOfErrno[errnoOf(error)] ?? STREAM_CODES.broken, error, params);
}

/**
 * The same for an append. Whatever the device says, it is our failure and passes or is mended, so
 * the sender must send again: only `full` and `broken`, both transient.
 */
export function translateAppendError(
  error: unknown,
  params: Readonly<{ where: string; doing: string; effect: string }>,
): StreamError {
  if (error instanceof StreamError && error.kind === 'transient') return error;
  const isFull = codeOfErrno[errnoOf(error)] === STREAM_CODES.full;
  return create(isFull ? STREAM_CODES.full : STREAM_CODES.broken, error, params);
}

/** `ENOSPC` and the like; empty when the thrown thing is not of the operating system. */
export function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function create(
  code: StreamCode,
  cause: unknown,
  params: Readonly<{ where: string; doing: string; effect: string }>,
): StreamError {
  return new StreamError({
    code,
    message: `${params.where}: could not ${params.doing} (${errorText(cause)}). ${params.effect}`,
    remedy: remedyOf[code] ?? 'See the message.',
    cause,
  });
}
