import type { Stream } from '@millrace/stream';
import type { ArchiveAccess } from './archive-access.ts';
import { openArchiveFiles } from './open-archive-files.ts';
import { withArchive, type WithArchiveParts } from './with-archive.ts';

/**
 * The log with the archive that is set in front of it; without one the log itself.
 *
 * @throws MillraceError ARCHIVE_ADDRESS.
 */
export async function openWithArchive(
  stream: Stream,
  access: ArchiveAccess,
  onUnusable?: WithArchiveParts['onUnusable'],
): Promise<Stream> {
  const files = await openArchiveFiles(access);
  if (files === undefined) return stream;
  return withArchive({ stream, files, ...(onUnusable && { onUnusable }) });
}
