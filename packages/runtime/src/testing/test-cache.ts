import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MillraceError } from '../errors.ts';
import { lockDirectory, type DirectoryLock } from '../process/process-lock.ts';

/** How long another process may take to make the same thing before we give up on it. */
const LOCK_MS_MAX = 10 * 60_000;
const LOCK_POLL_MS = 250;

/** Where tests keep what they fetched: outside the repository, so that clones share it. */
export function cacheDirectory(): string {
  const base = process.env['XDG_CACHE_HOME'];
  const isSet = base !== undefined && base !== '';
  return join(isSet ? base : join(homedir(), '.cache'), 'millrace-test');
}

/**
 * The directory `name` of the cache: as an earlier run left it, else filled by `make`, which gets
 * an empty directory beside it. That takes the name last, and one process makes it while others
 * wait: what lies under the name is always whole. What can change goes into the name (a version).
 */
export async function prepareOnce(
  params: Readonly<{ name: string; make: (work: string) => Promise<void> }>,
): Promise<string> {
  const { name, make } = params;
  const cache = cacheDirectory();
  const path = join(cache, name);
  if (existsSync(path)) return path;
  const lockPlace = join(cache, 'locks', name);
  await mkdir(lockPlace, { recursive: true });
  const lock = await waitForLock(lockPlace);
  try {
    // Another process may have made it while we waited.
    if (existsSync(path)) return path;
    await removeLeftOver(cache, name);
    const work = await mkdtemp(join(cache, partialPrefix(name)));
    try {
      await make(work);
      await rename(work, path);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
    return path;
  } finally {
    await lock.release();
  }
}

async function waitForLock(directory: string): Promise<DirectoryLock> {
  const deadlineMs = performance.now() + LOCK_MS_MAX;
  for (;;) {
    try {
      return await lockDirectory(directory);
    } catch (error) {
      const isHeld = error instanceof MillraceError && error.code === 'DATA_DIR_IN_USE';
      if (!isHeld || performance.now() > deadlineMs) throw error;
      await sleep(LOCK_POLL_MS);
    }
  }
}

/** What killed processes began and never finished: nobody else works on it, we hold the lock. */
async function removeLeftOver(cache: string, name: string): Promise<void> {
  for (const entry of await readdir(cache)) {
    if (!entry.startsWith(partialPrefix(name))) continue;
    await rm(join(cache, entry), { recursive: true, force: true });
  }
}

function partialPrefix(name: string): string {
  return `partial-${name}-`;
}
