import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProcessUser } from './run-command.ts';

/** A real service that runs as a process of ours for as long as a test needs it. */
export interface ServiceProcess {
  readonly pid: number;
  /** Resolves when it has ended, in whatever way. */
  readonly ended: Promise<void>;
  readonly hasEnded: boolean;
  /** What it printed lately, both outputs together. */
  output(): string;
  /** Asks it to end (SIGTERM unless said), and kills it when it takes longer than `msMax`. */
  stop(params?: Readonly<{ signal?: NodeJS.Signals; msMax?: number }>): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

const OUTPUT_CHARACTERS_MAX = 20_000;
const STOP_MS_MAX = 20_000;
const READY_POLL_MS = 20;

/*
 * Reads from a pipe whose other end is ours. A line: the service has ended, nothing to do. The
 * end of the pipe: this process is gone, however that came, and the service must follow it, and
 * so must its data. Waiting for it is bounded: in a container nobody may ever ask for its exit
 * code, and then it looks alive for ever.
 */
const WATCHER = `
if read -r _; then exit 0; fi
kill -KILL "$1"
[ -n "$2" ] || exit 0
for _ in 1 2 3 4 5 6 7 8 9 10; do
  kill -0 "$1" 2>/dev/null || break
  sleep 0.1
done
rm -rf "$2"
`;

/**
 * Starts a program that is to serve tests. It never outlives this process: a watcher ends it, and
 * removes its data, when this process is gone without having stopped it.
 */
export async function startServiceProcess(
  params: Readonly<{
    file: string;
    args: readonly string[];
    cwd?: string;
    /** Instead of the environment of this process. */
    env?: Readonly<Record<string, string | undefined>>;
    /** A temporary directory to remove when this process dies before the service has ended. */
    temporary?: string;
    /** Whom to run it as, when not as ourselves. */
    user?: ProcessUser | undefined;
  }>,
): Promise<ServiceProcess> {
  const { file, args, cwd = '/', env = process.env, temporary = '', user } = params;
  // A group of its own: a Ctrl-C is for the tests, which then stop it in good order.
  const child = spawn(file, args, {
    ...user,
    ...{ cwd, env, detached: true },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const pid = await pidOf(child, file);
  let output = '';
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-OUTPUT_CHARACTERS_MAX);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const standDown = watch(pid, temporary);
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => {
      standDown();
      resolve();
    });
  });
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return {
    pid,
    ended,
    get hasEnded() {
      return hasEnded();
    },
    output: () => output,
    stop: async ({ signal = 'SIGTERM', msMax = STOP_MS_MAX } = {}) => {
      if (!hasEnded()) child.kill(signal);
      const late = setTimeout(() => child.kill('SIGKILL'), msMax);
      await ended;
      clearTimeout(late);
    },
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** Polls until the service answers; throws with what it printed when it ends or takes too long. */
export async function untilServing(
  service: ServiceProcess,
  params: Readonly<{ what: string; msMax: number; isServing: () => Promise<boolean> }>,
): Promise<void> {
  const { what, msMax, isServing } = params;
  const deadlineMs = performance.now() + msMax;
  while (!(await isServing())) {
    if (service.hasEnded) throw new Error(`${what} ended at its start:\n${service.output()}`);
    if (performance.now() > deadlineMs) {
      throw new Error(`${what} does not serve after ${msMax} ms:\n${service.output()}`);
    }
    await sleep(READY_POLL_MS);
  }
}

function pidOf(child: ChildProcess, file: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new Error(`${file}: ${error.message}`)));
    child.once('spawn', () => resolve(child.pid!));
  });
}

/** Ties the service to this process; the returned function unties it. */
function watch(pid: number, temporary: string): () => void {
  const watcher = spawn('sh', ['-c', WATCHER, 'watcher', `${pid}`, temporary], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watcher.unref();
  // Gone before it was told: nothing is left to tell.
  watcher.stdin.on('error', () => undefined);
  return () => watcher.stdin.end('ended\n');
}
