import { stat } from 'node:fs/promises';
import { MillraceError } from '@millrace/runtime';

/** By what a file is noticed to have changed. */
export interface FileStamp {
  bytes: number;
  modifiedMs: number;
}

/** @throws MillraceError BACKFILL_FILE_UNREADABLE, also of what cannot be read twice. */
export async function stampFile(path: string): Promise<FileStamp> {
  const found = await stat(path).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw unreadable(`${path} cannot be read (${why}).`, error);
  });
  if (!found.isFile()) throw unreadable(`${path} is no file, and what is sent is read twice.`);
  return { bytes: found.size, modifiedMs: found.mtimeMs };
}

/** @throws MillraceError BACKFILL_FILE_CHANGED when it is not what it was. */
export async function checkUnchanged(path: string, before: FileStamp): Promise<void> {
  const now = await stampFile(path);
  if (now.bytes === before.bytes && now.modifiedMs === before.modifiedMs) return;
  throw new MillraceError({
    code: 'BACKFILL_FILE_CHANGED',
    kind: 'permanent',
    message: `${path} was changed while it was read and sent: not all of it was looked through.`,
    remedy: 'Run the command again once nobody writes to it; what was sent counts once.',
  });
}

function unreadable(message: string, cause?: unknown): MillraceError {
  return new MillraceError({
    code: 'BACKFILL_FILE_UNREADABLE',
    kind: 'permanent',
    message,
    remedy: 'Name files that lie on a disk and may be read by you.',
    cause,
  });
}
