import { chmod } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { makeDirectories, MillraceError } from '@millrace/runtime';

/** Where one process keeps everything. */
export interface DataDirectory {
  /** Absolute. */
  path: string;
  log: string;
  state: string;
  /** States of jobs; not there before the first job is done. */
  jobs: string;
  postgres: string;
  /** Tells other programs where the running process listens; absent when none runs. */
  runFile: string;
}

/** As root the embedded PostgreSQL runs as nobody, who may not enter most home directories. */
const ROOT_DATA_DIR = '/var/lib/millrace';
const USER_DATA_DIR = 'millrace-data';

/** The directory that was asked for, or else the usual one; nothing is touched. */
export function chooseDataDirectory(
  params: Readonly<{ dataDir: string | undefined; uid: number | undefined; cwd: string }>,
): DataDirectory {
  const { dataDir, uid, cwd } = params;
  const path = resolve(cwd, dataDir ?? (uid === 0 ? ROOT_DATA_DIR : USER_DATA_DIR));
  return {
    path,
    log: join(path, 'log'),
    state: join(path, 'state'),
    jobs: join(path, 'jobs'),
    postgres: join(path, 'postgres'),
    runFile: join(path, 'run.json'),
  };
}

/** The directory this process would use when nobody says otherwise. */
export function usualDataDirectory(dataDir: string | undefined): DataDirectory {
  return chooseDataDirectory({ dataDir, uid: process.getuid?.(), cwd: process.cwd() });
}

/** @throws MillraceError CONFIG_DATA_DIR when it cannot be made or written. */
export async function makeDataDirectory(directory: DataDirectory): Promise<void> {
  try {
    const made = await makeDirectories(directory.path);
    // Whatever the umask says: PostgreSQL, as nobody, has to pass through. What is private lies
    // in directories of its own.
    if (made !== undefined) await chmod(directory.path, 0o755);
    for (const path of [directory.log, directory.state]) await makeDirectories(path, 0o700);
  } catch (error) {
    throw new MillraceError({
      code: 'CONFIG_DATA_DIR',
      kind: 'permanent',
      message:
        `The data directory ${directory.path} cannot be made or written ` +
        `(${error instanceof Error ? error.message : String(error)}). Nothing was started.`,
      remedy: 'Give that directory to this user, or choose another with MILLRACE_DATA_DIR.',
      cause: error,
    });
  }
}
