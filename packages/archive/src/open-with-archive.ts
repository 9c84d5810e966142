import type { Stream } from '@millrace/stream';
import type { ArchiveAccess } from './archive-access.ts';
import type { ArchiveBinding } from './binding/archive-binding.ts';
import { openArchive } from './binding/open-archive.ts';
import { withArchive, type WithArchiveParts } from './with-archive.ts';

/**
 * The log with the archive that is set in front of it; without one the log itself. With `isAwaited`
 * whoever reads what the log has forgotten waits (ARCHIVE_UNSET, transient) when the log is bound
 * to an archive, and none is set.
 *
 * @throws MillraceError ARCHIVE_ADDRESS.
 */
export async function openWithArchive(
  parts: Readonly<{ stream: Stream; binding: ArchiveBinding }> &
    Pick<WithArchiveParts, 'onUnusable'>,
  access: ArchiveAccess,
  { isAwaited }: Readonly<{ isAwaited: boolean }> = { isAwaited: false },
): Promise<Stream> {
  const { stream, binding, onUnusable } = parts;
  const { files, isSet } = await openArchive(access, binding);
  if (!isSet) return isAwaited ? withArchive({ stream, files }) : stream;
  return withArchive({ stream, files, ...(onUnusable && { onUnusable }) });
}
