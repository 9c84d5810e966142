import { readFile, readlink, realpath, writeFile } from 'node:fs/promises';
import { execFile } from 'node:child_process';
import { platform } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { identifyProcess, type Clock, type Log } from '@millrace/runtime';
import { startFailed } from './embedded-errors.ts';

/** How long each way of stopping may take before the next, harsher one. */
const STOP_STEPS: readonly (readonly [signal: NodeJS.Signals, ms: number])[] = [
  ['SIGINT', 10_000],
  ['SIGQUIT', 5_000],
  ['SIGKILL', 5_000],
];
const POLL_MS = 10;

/**
 * Stops the PostgreSQL that a killed process of ours left running on this cluster, if there is
 * one. Only to be called by whoever holds the directory's lock: then nobody else is using it.
 */
export async function stopLeftBehindPostgres(
  components: Readonly<{ clock: Clock; log: Log }>,
  clusterPath: string,
): Promise<void> {
  const { clock, log } = components;
  const cluster = await realpath(clusterPath);
  const pidFile = join(cluster, 'postmaster.pid');
  const text = await readFile(pidFile, 'utf8').catch(() => undefined);
  if (text === undefined) return;
  const [first, ...rest] = text.split('\n');
  const pid = Number(first);
  if (!Number.isInteger(pid) || pid <= 1 || !(await isPostgresOf(pid, cluster))) {
    // Whatever has that id now would be mistaken for the predecessor. The id of its own parent is
    // what a starting server knows to be out of date; from the other lines it learns whether
    // children of the predecessor are still at work, so the file must stay.
    await writeFile(pidFile, [process.pid, ...rest].join('\n'));
    return;
  }
  log.warn({ pid, cluster }, 'Stopping the PostgreSQL that an earlier process left running');
  for (const [signal, ms] of STOP_STEPS) {
    sendSignal(pid, signal);
    for (let waitedMs = 0; waitedMs < ms; waitedMs += POLL_MS) {
      if (!(await isPostgresOf(pid, cluster))) return;
      await clock.sleep(POLL_MS);
    }
  }
  throw startFailed({
    what: `PostgreSQL ${pid} on ${cluster}, left by an earlier process, does not stop`,
    output: '',
    logFile: join(dirname(cluster), 'postgres.log'),
  });
}

/** Whether the process is a PostgreSQL that works in this data directory: ids are used again. */
export async function isPostgresOf(pid: number, cluster: string): Promise<boolean> {
  if (identifyProcess(pid).started === undefined) return false;
  if (platform() === 'linux') {
    // PostgreSQL changes into its data directory, and nothing else has a reason to be there.
    return (await readlink(`/proc/${pid}/cwd`).catch(() => undefined)) === cluster;
  }
  try {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)]);
    return stdout.includes('postgres') && stdout.includes(cluster);
  } catch {
    // It exits with 1 when the process has ended meanwhile.
    return false;
  }
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It ended by itself.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
