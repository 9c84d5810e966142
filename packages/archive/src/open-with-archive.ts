import type { Stream } from '@millrace/stream';
import type { ArchiveAccess } from './archive-access.ts';
import type { ArchiveBinding } from './binding/archive-binding.ts';
import { openArchive } from './binding/open-archive.ts';
import { withArchive, type WithArchiveParts } from './with-archive.ts';

/**
 * The log with the archive that is set in front of it. With none set, and the log bound to one,
 * whoever reads what the log has forgotten is told ARCHIVE_UNSET (transient): it is only away, and
 * whoever went on without it would note for good that it is gone. Bound to none it is the log.
 *
 * @throws MillraceError ARCHIVE_ADDRESS.
 */
export async function openWithArchive(
  parts: Readonly<{ stream: Stream; binding: ArchiveBinding }> &
    Pick<WithArchiveParts, 'onUnusable'>,
  access: ArchiveAccess,
): Promise<Stream> {
  const { stream, binding, onUnusable } = parts;
  const { files, isSet } = await openArchive(access, binding);
  // What is not set is of no use to anybody, which is not worth telling.
  return withArchive({ stream, files, ...(isSet && onUnusable && { onUnusable }) });
}
