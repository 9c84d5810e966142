import { randomUUID } from 'node:crypto';
import { readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MillraceError } from '../errors.ts';
import { identifyProcess, type ProcessIdentity } from './process-identity.ts';

/** A directory that is ours alone until `release`, or until this process ends in any way. */
export interface DirectoryLock {
  release(): Promise<void>;
}

const lockFile = /^lock-(\d+)-[0-9a-f-]+\.json$/;

/** How often a holder touches its file, and after how long without a touch it counts as gone. */
const touchMs = 5_000;
const untouchedMsMax = 15_000;

/**
 * Two starters that see each other both step back; the one with the smaller pid tries again, so
 * that one of them gets through.
 */
const attemptsMax = 5;
const attemptMs = 100;

/**
 * Takes `directory` (which must exist) for this process alone.
 *
 * Every starter writes a file under a name of its own and only then looks for others, so no two
 * can both miss each other; and since no name is ever used twice, removing the file of a dead
 * process can never remove the file of a living one. Dead is decided by pid, start time and boot,
 * where that can be seen (a pid alone is soon used again), and by the touches where it cannot:
 * a holder in another container that shares the directory.
 *
 * @throws MillraceError `DATA_DIR_IN_USE` (permanent) naming the living holder's pid.
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const path = await announce(directory);
  try {
    await standAlone(directory, path);
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
  const timer = setInterval(() => void touch(path), touchMs);
  timer.unref();
  return {
    release: async () => {
      clearInterval(timer);
      await rm(path, { force: true });
    },
  };
}

async function announce(directory: string): Promise<string> {
  const name = `lock-${process.pid}-${randomUUID()}`;
  const path = join(directory, `${name}.json`);
  // Others only ever see the whole text: it gets its name when it is written.
  await writeFile(join(directory, `${name}.new`), JSON.stringify(identifyProcess(process.pid)), {
    flag: 'wx',
  });
  await rename(join(directory, `${name}.new`), path);
  return path;
}

async function standAlone(directory: string, path: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const holder = await findHolder(directory, path);
    if (holder === undefined) return;
    if (attempt === attemptsMax || process.pid >= holder) throw inUse(directory, holder);
    await sleep(attemptMs);
  }
}

/** The pid of another living holder; files of dead ones are removed on the way. */
async function findHolder(directory: string, ownPath: string): Promise<number | undefined> {
  for (const name of await readdir(directory)) {
    const pid = lockFile.exec(name)?.[1];
    const path = join(directory, name);
    if (pid === undefined || path === ownPath) continue;
    if (await isHeld(path)) return Number(pid);
    await rm(path, { force: true });
  }
  return undefined;
}

async function isHeld(path: string): Promise<boolean> {
  try {
    const holder = JSON.parse(await readFile(path, 'utf8')) as ProcessIdentity;
    const visible = identifyProcess(holder.pid);
    if (holder.boot === visible.boot && holder.namespace === visible.namespace) {
      return visible.started !== undefined && visible.started === holder.started;
    }
    const { mtimeMs } = await stat(path);
    return Date.now() - mtimeMs < untouchedMsMax;
  } catch (error) {
    // Released between the listing and the look.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

async function touch(path: string): Promise<void> {
  const now = new Date();
  // Fails only when the directory is gone, and whoever works in it will say so.
  await utimes(path, now, now).catch(() => undefined);
}

function inUse(directory: string, pid: number): MillraceError {
  return new MillraceError({
    code: 'DATA_DIR_IN_USE',
    kind: 'permanent',
    message: `Another millrace (process ${pid}) works on ${directory}; nothing was touched.`,
    remedy:
      `Stop process ${pid}, or choose another directory with MILLRACE_DATA_DIR. If it ran in a ` +
      `container that is gone, try again in ${untouchedMsMax / 1000} s.`,
  });
}
