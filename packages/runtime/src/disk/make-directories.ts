import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Makes a directory and those above it that are not there; the topmost that was made, undefined
 * when there was nothing to do. `mkdir` with `recursive` does the same, but goes round for ever in
 * a file system that takes no directories (`/proc/x`), and nothing can end the process then.
 */
export async function makeDirectories(path: string, mode = 0o777): Promise<string | undefined> {
  try {
    return await makeOne(path, mode);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' || dirname(path) === path) throw error;
  }
  const made = await makeDirectories(dirname(path), mode);
  // What is above is there now: that this one cannot be made is final.
  const last = await makeOne(path, mode);
  return made ?? last;
}

async function makeOne(path: string, mode: number): Promise<string | undefined> {
  try {
    await mkdir(path, { mode });
    return path;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw error;
    // There already: some file systems give other reasons than that.
    const found = await stat(path).catch(() => undefined);
    if (found?.isDirectory() !== true) throw error;
    return undefined;
  }
}
