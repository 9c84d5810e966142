import { archiveDamaged } from './archive-errors.ts';
import type { ArchiveFiles } from './archive-files.ts';

/** At the top of an archive: by it one is told from another, and from an empty directory. */
export const IDENTITY_NAME = 'archive.json';

const FORMAT = 1;

export function encodeIdentity(archiveId: string): Uint8Array {
  return Buffer.from(`${JSON.stringify({ format: FORMAT, archiveId }, undefined, 2)}\n`);
}

/**
 * What the archive is called; undefined: nothing says so, as in an empty directory.
 *
 * @throws MillraceError ARCHIVE_DAMAGED, and what the files throw.
 */
export async function readIdentity(
  files: ArchiveFiles,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const bytes = await files.get(IDENTITY_NAME, signal);
  if (bytes === undefined) return undefined;
  const damaged = (detail: string, cause?: unknown) =>
    archiveDamaged({ where: files.where, name: IDENTITY_NAME, detail, cause });
  let read: Readonly<{ format?: unknown; archiveId?: unknown }> | null;
  try {
    read = JSON.parse(Buffer.from(bytes).toString()) as typeof read;
  } catch (error) {
    throw damaged('it is no JSON', error);
  }
  const { format, archiveId } = read ?? {};
  if (format !== FORMAT) throw damaged(`it is of format ${String(format)}, and not of ${FORMAT}`);
  if (typeof archiveId === 'string' && /^[0-9a-f]{32}$/.test(archiveId)) return archiveId;
  throw damaged('it does not say what the archive is called');
}
