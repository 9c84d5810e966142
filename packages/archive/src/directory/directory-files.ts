import { randomUUID } from 'node:crypto';
import { link, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemClock, type Clock } from '@millrace/runtime';
import { archiveRefused, archiveUnreachable } from '../archive-errors.ts';
import type { ArchiveFiles, ListedFile } from '../archive-files.ts';
import { putWhole } from '../put-whole.ts';
import { DurableFolders } from './durable-folders.ts';

/** Of files that are not whole yet: no name of the archive begins so. */
const UNFINISHED = '.unfinished-';

type PutName = (unfinished: string, path: string) => Promise<void>;

interface NamedFile {
  name: string;
  bytes: Uint8Array;
  signal: AbortSignal | undefined;
}

/** An archive in a directory, which may be that of a mounted disk. */
export function openDirectoryFiles(
  directory: string,
  clock: Pick<Clock, 'nowUs'> = systemClock,
): ArchiveFiles {
  const where = `file://${directory}`;
  const folders = new DurableFolders();
  const putBy = async (named: NamedFile, name: PutName): Promise<void> => {
    named.signal?.throwIfAborted();
    const path = join(directory, named.name);
    await translating(where, () => putInFolder(folders, path, { bytes: named.bytes, name }));
  };
  return {
    where,
    // Two hosts have directories of the same name on disks of their own.
    place: randomUUID(),
    put: async (name, bytes, signal) => await putBy({ name, bytes, signal }, rename),
    create: async (name, bytes, signal) => await putBy({ name, bytes, signal }, nameUnlessThere),
    get: async (name, signal) => {
      signal?.throwIfAborted();
      return await translating(where, () => unlessMissing(readFile(join(directory, name))));
    },
    list: (params) => listIn({ directory, where }, params),
    folders: async (prefix) =>
      await translating(where, async () => {
        const entries = await entriesOf(join(directory, prefix));
        return entries
          .filter((one) => one.isDirectory())
          .map(({ name }) => name)
          .toSorted();
      }),
    removeUnfinished: async (signal) =>
      await translating(where, () => removeBefore(directory, beforeMs(clock), signal)),
  };
}

/** So long no call of `put` takes; by the clock of whoever has the disk, which may be another. */
const UNFINISHED_MS = 24 * 3_600_000;

const beforeMs = ({ nowUs }: Pick<Clock, 'nowUs'>): number => nowUs() / 1000 - UNFINISHED_MS;

async function removeBefore(
  folder: string,
  timeMs: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  let removed = 0;
  for (const entry of await entriesOf(folder)) {
    signal?.throwIfAborted();
    const path = join(folder, entry.name);
    if (entry.isDirectory()) removed += await removeBefore(path, timeMs, signal);
    else if (entry.isFile() && entry.name.startsWith(UNFINISHED)) {
      const found = await unlessMissing(stat(path));
      if (found === undefined || found.mtimeMs >= timeMs) continue;
      await rm(path, { force: true });
      removed += 1;
    }
  }
  return removed;
}

async function putInFolder(
  folders: DurableFolders,
  path: string,
  { bytes, name }: Readonly<{ bytes: Uint8Array; name: PutName }>,
): Promise<void> {
  const folder = dirname(path);
  await folders.make(folder);
  await putWhole(path, bytes, { unfinished: join(folder, `${UNFINISHED}${randomUUID()}`), name });
}

/** Disks of other systems know no links. */
const LINKLESS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

async function nameUnlessThere(unfinished: string, path: string): Promise<void> {
  try {
    await link(unfinished, path);
  } catch (error) {
    // Of two at once the later one counts there; whoever was bound to the other is told so.
    const isLinkless = LINKLESS.has(codeOf(error));
    if (isLinkless && (await unlessMissing(stat(path))) === undefined) {
      await rename(unfinished, path);
      return;
    }
    if (!isLinkless && codeOf(error) !== 'EEXIST') throw error;
  }
  await rm(unfinished);
}

/** `prefix` is a folder: names in it and below, in order. */
async function* listIn(
  { directory, where }: Readonly<{ directory: string; where: string }>,
  params: Parameters<ArchiveFiles['list']>[0],
): AsyncGenerator<ListedFile> {
  const { prefix, after = '', signal } = params;
  const entries = await translating(where, () => entriesOf(join(directory, prefix)));
  const names = entries.map((entry) => ({ entry, name: `${prefix}${entry.name}` }));
  for (const { entry, name } of names.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    signal?.throwIfAborted();
    if (entry.name.startsWith(UNFINISHED)) continue;
    if (entry.isDirectory()) {
      yield* listIn({ directory, where }, { ...params, prefix: `${name}/` });
    } else if (name > after) {
      const found = await translating(where, () => unlessMissing(stat(join(directory, name))));
      if (found !== undefined) yield { name, bytes: found.size };
    }
  }
}

async function entriesOf(folder: string) {
  return (await unlessMissing(readdir(folder, { withFileTypes: true }))) ?? [];
}

async function unlessMissing<T>(doing: Promise<T>): Promise<T | undefined> {
  try {
    return await doing;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Those that pass when a disk is mounted, or has room, again. */
const PERMANENT = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EISDIR']);

async function translating<T>(where: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    const code = codeOf(error);
    if (code === '') throw error;
    const why = (error as Error).message;
    throw PERMANENT.has(code)
      ? archiveRefused(where, why, error)
      : archiveUnreachable(where, why, error);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? '') : '';
}
