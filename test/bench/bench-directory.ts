import { statfsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repositoryRoot } from '../services/repository.ts';

const TMPFS = 0x01021994;

/**
 * Where systems keep their data while they are measured: on a real disk, because an fsync of a
 * file system in memory costs nothing.
 */
export async function benchParent(): Promise<string> {
  if (statfsSync(tmpdir()).type !== TMPFS) return tmpdir();
  const parent = join(repositoryRoot, 'node_modules', '.millrace');
  await mkdir(parent, { recursive: true });
  return parent;
}

export async function makeBenchDirectory(name: string): Promise<string> {
  const path = await mkdtemp(join(await benchParent(), `bench-${name}-`));
  await chmod(path, 0o755);
  return path;
}

/** What the files below a directory hold. */
export async function bytesBelow(directory: string): Promise<number> {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true });
  let bytes = 0;
  for (const entry of entries) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return bytes;
}
