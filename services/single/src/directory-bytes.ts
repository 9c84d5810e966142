import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Bytes of all files below a directory; those that vanish meanwhile count as nothing. */
export async function directoryBytes(directory: string): Promise<number> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(ifAbsent([]));
  const sizes = await Promise.all(
    entries.map(async (entry) => {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) return await directoryBytes(path);
      const found = await stat(path).catch(ifAbsent(undefined));
      // Blocks, because segment files are longer than what they hold so far.
      return found === undefined ? 0 : found.blocks * 512;
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

function ifAbsent<T>(value: T): (error: unknown) => T {
  return (error) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return value;
    throw error;
  };
}
