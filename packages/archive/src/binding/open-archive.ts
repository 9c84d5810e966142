import type { ArchiveAccess } from '../archive-access.ts';
import type { ArchiveFiles } from '../archive-files.ts';
import { openArchiveFiles } from '../open-archive-files.ts';
import type { ArchiveBinding } from './archive-binding.ts';
import { boundFiles } from './bound-files.ts';
import { unsetFiles } from './unset-files.ts';

/** What a process has of the archive, by its settings and by what the log is bound to. */
export interface OpenedArchive {
  /** Of the archive that is set; else such that have nothing, and say so when that is a mistake. */
  files: ArchiveFiles;
  isSet: boolean;
  /**
   * Whether this is how the log is bound.
   *
   * @throws MillraceError ARCHIVE_NOT_THERE, ARCHIVE_OTHER, ARCHIVE_UNSET, ARCHIVE_UNREACHABLE.
   */
  check(signal?: AbortSignal): Promise<void>;
  /** The same, and from now on the log is bound to the archive that is set. */
  claim(signal?: AbortSignal): Promise<void>;
}

/** @throws MillraceError ARCHIVE_ADDRESS. */
export async function openArchive(
  access: ArchiveAccess,
  binding: ArchiveBinding,
): Promise<OpenedArchive> {
  const found = await openArchiveFiles(access);
  if (found !== undefined) return { ...bindFiles(found, binding), isSet: true };
  const files = unsetFiles(binding);
  const check = async (signal?: AbortSignal): Promise<void> => void (await files.get('', signal));
  return { files, isSet: false, check, claim: check };
}

/** The same of files that are open. */
export function bindFiles(
  found: ArchiveFiles,
  binding: ArchiveBinding,
): Pick<OpenedArchive, 'files' | 'check' | 'claim'> {
  const files = boundFiles(found, binding);
  return { files, check: files.check, claim: files.claim };
}
