import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { errorText, identifyProcess, MillraceError, type ProcessIdentity } from '@millrace/runtime';
import type { DataDirectory } from './data-directory.ts';

/** Where the store of a running process is, as other programs of this machine reach it. */
export type RunningStore =
  | Readonly<{
      kind: 'embedded';
      /** Directory of the Unix socket. */
      host: string;
      port: number;
      user: string;
      database: string;
    }>
  /** Somebody's own PostgreSQL; its URL holds a password and is not written down. */
  | Readonly<{ kind: 'external' }>;

/** What `run.json` says of the process that works on a data directory. */
export interface RunFile {
  /** The release that runs. */
  version: string;
  pid: number;
  /** Tells the process from a later one with the same pid. */
  process: ProcessIdentity;
  /** RFC 3339. */
  started: string;
  url: string;
  host: string;
  port: number;
  /** The Unix socket of the embedded PostgreSQL; absent with a store of one's own. */
  socket?: string;
  store: RunningStore;
  directory: string;
  /** Where its log is archived; its keys are not written down. */
  archive?: string;
}

/** Others see the whole file or none. */
export async function writeRunFile(directory: DataDirectory, run: RunFile): Promise<void> {
  const path = `${directory.runFile}.new`;
  await writeFile(path, `${JSON.stringify(run, undefined, 2)}\n`, { mode: 0o644 });
  await rename(path, directory.runFile);
}

export async function removeRunFile(directory: DataDirectory): Promise<void> {
  await rm(directory.runFile, { force: true });
}

/**
 * The process that works on the directory now.
 *
 * @throws MillraceError NOT_RUNNING when none does, also when one ended without a clean stop.
 */
export async function readRunFile(directory: DataDirectory): Promise<RunFile> {
  let text: string;
  try {
    text = await readFile(directory.runFile, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw notRunning(directory);
    throw unreadable(directory, error);
  }
  const run = parseRunFile(directory, text);
  if (!isAlive(run.process)) throw notRunning(directory, run.pid);
  return run;
}

function parseRunFile(directory: DataDirectory, text: string): RunFile {
  try {
    const run = JSON.parse(text) as RunFile;
    if (typeof run.url === 'string' && typeof run.process.pid === 'number') return run;
  } catch (error) {
    throw unreadable(directory, error);
  }
  throw unreadable(directory, new Error('it lacks url or process'));
}

/** What runs in another container cannot be seen from here, and counts as alive. */
function isAlive(noted: ProcessIdentity): boolean {
  const visible = identifyProcess(noted.pid);
  if (visible.namespace !== noted.namespace && visible.boot === noted.boot) return true;
  const { started } = visible;
  return visible.boot === noted.boot && started !== undefined && started === noted.started;
}

function notRunning(directory: DataDirectory, endedPid?: number): MillraceError {
  const ended =
    endedPid === undefined
      ? ''
      : ` Process ${endedPid} did, and ended without a clean stop; nothing acknowledged is lost.`;
  return new MillraceError({
    code: 'NOT_RUNNING',
    kind: 'permanent',
    message: `No millrace works on ${directory.path}.${ended}`,
    remedy:
      'Start it with "millrace up", or name its data directory with --data-dir or ' +
      'MILLRACE_DATA_DIR.',
  });
}

function unreadable(directory: DataDirectory, cause: unknown): MillraceError {
  return new MillraceError({
    code: 'RUN_FILE_UNREADABLE',
    kind: 'permanent',
    message: `${directory.runFile} cannot be read (${errorText(cause)}).`,
    remedy: 'Use the user that "millrace up" runs as, or stop that process and start it again.',
    cause,
  });
}
