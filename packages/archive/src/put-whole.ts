import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Written beside it, flushed, and then named: a crash leaves the one or the other. Its folder has
 * to be there; `unfinished` is a path in the same one, and nobody else's.
 */
export async function putWhole(
  path: string,
  bytes: Uint8Array | string,
  how: Readonly<{
    unfinished: string;
    name?: (unfinished: string, path: string) => Promise<void>;
  }>,
): Promise<void> {
  const { unfinished, name = rename } = how;
  try {
    const file = await open(unfinished, 'wx', 0o640);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await name(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
  await flushFolder(dirname(path));
}

/** What was named in it is there after a crash. */
export async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
