import { TOPIC_EVENTS } from '@millrace/stream';
import { archiveNameless, archiveNotThere, archiveOther } from '../archive-errors.ts';
import type { ArchiveFiles } from '../archive-files.ts';
import { encodeIdentity, IDENTITY_NAME, readIdentity } from '../archive-identity.ts';
import type { ArchiveBinding } from './archive-binding.ts';

/**
 * The files of the archive that a log is bound to. Where the disk is not mounted, or the address is
 * another one, every call rejects with ARCHIVE_NOT_THERE or ARCHIVE_OTHER (both transient): such a
 * place must not look like an archive that has nothing yet.
 */
export interface BoundFiles extends ArchiveFiles {
  /**
   * Binds the log to the archive that is there when it is bound to none; gives that one its name
   * when it has none.
   */
  claim(signal?: AbortSignal): Promise<void>;
  /** Rejects as every call does; binds nothing. */
  check(signal?: AbortSignal): Promise<void>;
}

export function boundFiles(files: ArchiveFiles, binding: ArchiveBinding): BoundFiles {
  const { where, place } = files;
  /** False: it is bound to none. */
  const isBound = async (signal: AbortSignal | undefined): Promise<boolean> => {
    const bound = await binding.read(signal);
    if (bound === undefined) return false;
    const found = await readIdentity(files, signal);
    if (found === undefined) {
      const hasRanges = (await files.folders(`${TOPIC_EVENTS}/`, signal)).length > 0;
      throw (hasRanges ? archiveNameless : archiveNotThere)(where, bound);
    }
    if (found !== bound.archiveId) throw archiveOther(where, bound, found);
    return true;
  };
  const check = async (signal?: AbortSignal): Promise<void> => void (await isBound(signal));
  const claim = async (signal?: AbortSignal): Promise<void> => {
    if (await isBound(signal)) return;
    if ((await readIdentity(files, signal)) === undefined) {
      const id = await binding.proposeId(place, signal);
      await files.create(IDENTITY_NAME, encodeIdentity(id), signal);
    }
    const archiveId = await readIdentity(files, signal);
    if (archiveId !== undefined) await binding.bind({ archiveId, where });
    // Another one may have been bound meanwhile.
    await check(signal);
  };
  return {
    ...{ where, place, claim, check },
    put: async (name, bytes, signal) => {
      await claim(signal);
      await files.put(name, bytes, signal);
    },
    create: async (name, bytes, signal) => {
      await claim(signal);
      await files.create(name, bytes, signal);
    },
    get: async (name, signal) => {
      const bytes = await files.get(name, signal);
      // What is there is checked by its digest; what is not may be on the disk that is not here.
      if (bytes === undefined) await check(signal);
      return bytes;
    },
    list: async function* (params) {
      await check(params.signal);
      yield* files.list(params);
      // The disk may have gone away while it was listed.
      await check(params.signal);
    },
    folders: async (prefix, signal) => {
      await check(signal);
      const folders = await files.folders(prefix, signal);
      await check(signal);
      return folders;
    },
    removeUnfinished: async (signal) => {
      await check(signal);
      return await files.removeUnfinished(signal);
    },
  };
}
