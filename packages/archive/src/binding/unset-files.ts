import { archiveUnset } from '../archive-errors.ts';
import type { ArchiveFiles } from '../archive-files.ts';
import type { ArchiveBinding } from './archive-binding.ts';

/**
 * What a process has that is told of no archive: nothing. But when the log is bound to one, that is
 * a mistake, and every call rejects with ARCHIVE_UNSET (transient).
 */
export function unsetFiles(binding: ArchiveBinding): ArchiveFiles {
  const check = async (signal: AbortSignal | undefined): Promise<void> => {
    const bound = await binding.read(signal);
    if (bound !== undefined) throw archiveUnset(bound);
  };
  const put: ArchiveFiles['put'] = async (_name, _bytes, signal) => {
    await check(signal);
    throw new Error('there is no archive to put anything into');
  };
  return {
    ...{ where: 'none', place: 'none', put, create: put },
    get: async (_name, signal) => {
      await check(signal);
      return undefined;
    },
    list: async function* ({ signal }) {
      await check(signal);
      yield* [];
    },
    folders: async (_prefix, signal) => {
      await check(signal);
      return [];
    },
    removeUnfinished: async (signal) => {
      await check(signal);
      return 0;
    },
  };
}
