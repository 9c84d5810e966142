import { spawn, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorText, letProcessGiveWay, type Clock, type Log } from '@millrace/runtime';
import { createBoundedLogFile, type BoundedLogFile } from './bounded-log-file.ts';
import { missingLoader, startFailed } from './embedded-errors.ts';
import type { EmbeddedPostgresSettings } from './embedded-settings.ts';
import { keepSessionsNice } from './session-niceness.ts';
import { postgresSettings } from './postgres-settings.ts';
import { POSTGRES_PORT } from './socket-directory.ts';
import type { RunAs } from './unprivileged-user.ts';

export interface ProcessEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface PostgresProcess {
  pid: number;
  exited: Promise<ProcessEnd>;
  stop(): Promise<void>;
}

export interface Launch {
  program: string;
  cluster: string;
  user: RunAs | undefined;
  socketDirectory: string;
  logFile: string;
  settings: EmbeddedPostgresSettings;
}

type Components = Readonly<{ clock: Clock; log: Log }>;

const READY_POLL_MS = 5;
/** Children of a killed server end by themselves; until then a new one is refused. */
const ORPHANS_PATIENCE_MS = 10_000;
const ORPHANS_PAUSE_MS = 100;

/** Runs the server on a cluster that nobody uses; resolves when it takes connections. */
export async function launchPostgres(
  components: Components,
  launch: Launch,
): Promise<PostgresProcess> {
  const { clock, log } = components;
  const file = createBoundedLogFile({
    path: launch.logFile,
    bytesMax: launch.settings.logBytesMax,
    onError: (error) => {
      log.warn({ error: errorText(error) }, 'The log of PostgreSQL is incomplete');
    },
  });
  const patienceUs = clock.nowUs() + ORPHANS_PATIENCE_MS * 1000;
  for (;;) {
    const child = spawnPostgres(launch, file);
    const exited = endOf(child);
    try {
      await untilReady(components, launch, { child, exited, file });
      // What it does can wait until whoever sends has its answer: that needs the log and no store.
      letProcessGiveWay(log, child.pid!);
      const sessions = keepSessionsNice(child.pid!, log);
      const ended = exited.finally(() => sessions.stop());
      return {
        pid: child.pid!,
        exited: ended,
        stop: () => stop(components, launch, { child, exited }),
      };
    } catch (error) {
      const hasOrphans = /pre-existing shared memory block/.test(file.tail());
      if (!hasOrphans || clock.nowUs() > patienceUs) throw error;
      await clock.sleep(ORPHANS_PAUSE_MS);
    }
  }
}

function spawnPostgres(launch: Launch, file: BoundedLogFile): ChildProcess {
  const { socketDirectory, settings } = launch;
  const options = Object.entries(
    postgresSettings({ socketDirectory, sharedBuffersMb: settings.sharedBuffersMb }),
  ).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const args = ['-D', launch.cluster, '-p', String(POSTGRES_PORT), ...options];
  const child = spawn(launch.program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: '/',
    env: POSTGRES_ENVIRONMENT,
    // A session of its own: Ctrl-C in the terminal is for us, and we stop the writer first.
    detached: true,
    ...launch.user,
  });
  child.stdout?.on('data', file.write);
  child.stderr?.on('data', file.write);
  return child;
}

/** Nothing of ours: what PG* variables or a locale would change must be the same everywhere. */
export const POSTGRES_ENVIRONMENT: Readonly<Record<string, string>> = {
  LC_ALL: 'C',
  TZ: 'UTC',
  PATH: '/usr/bin:/bin',
};

function endOf(child: ChildProcess): Promise<ProcessEnd> {
  return new Promise((resolve, reject) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'ENOENT' ? missingLoader(child.spawnfile, error) : error);
    });
  });
}

interface Running {
  child: ChildProcess;
  exited: Promise<ProcessEnd>;
}

/** The eighth line of postmaster.pid is the server's own word on it; pg_ctl reads the same. */
export async function isPostgresReady(cluster: string, pid: number | undefined): Promise<boolean> {
  const text = await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '');
  const lines = text.split('\n');
  return Number(lines[0]) === pid && lines[7]?.trim() === 'ready';
}

async function untilReady(
  { clock }: Components,
  { cluster, settings }: Launch,
  { child, exited, file }: Running & { file: BoundedLogFile },
): Promise<void> {
  const deadlineUs = clock.nowUs() + settings.startTimeoutMs * 1000;
  const failed = (what: string) => startFailed({ what, output: file.tail(), logFile: file.path });
  let outcome: { end: ProcessEnd } | { error: unknown } | undefined;
  exited.then(
    (end) => (outcome = { end }),
    (error: unknown) => (outcome = { error }),
  );
  for (;;) {
    await clock.sleep(READY_POLL_MS);
    if (outcome !== undefined) {
      if ('error' in outcome) throw outcome.error;
      const { code, signal } = outcome.end;
      throw failed(`PostgreSQL ended while starting on ${cluster} (${signal ?? code})`);
    }
    if (await isPostgresReady(cluster, child.pid)) return;
    if (clock.nowUs() > deadlineUs) {
      child.kill('SIGQUIT');
      await exited;
      throw failed(`PostgreSQL on ${cluster} was not ready after ${settings.startTimeoutMs} ms`);
    }
  }
}

async function stop(
  { clock, log }: Components,
  { settings }: Launch,
  { child, exited }: Running,
): Promise<void> {
  const steps: [NodeJS.Signals, number][] = [
    // Fast: rolls back what is open, writes everything to its place, ends.
    ['SIGINT', settings.stopTimeoutMs],
    // Immediate: the next start recovers from the write-ahead log.
    ['SIGQUIT', settings.stopTimeoutMs],
    ['SIGKILL', settings.stopTimeoutMs],
  ];
  for (const [signal, ms] of steps) {
    if (signal !== 'SIGINT') log.warn({ signal }, 'PostgreSQL does not stop; asking harder');
    child.kill(signal);
    const late = new AbortController();
    const waited = clock.sleep(ms, late.signal).then(
      () => 'late',
      () => 'aborted',
    );
    const first = await Promise.race([exited.then(() => 'gone'), waited]);
    late.abort();
    if (first === 'gone') return;
  }
}
