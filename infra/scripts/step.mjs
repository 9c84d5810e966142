import { spawn, spawnSync } from 'node:child_process';
import { resolve } from 'node:path';

/** The root of the checkout; every script works there, wherever it was called from. */
export const root = resolve(import.meta.dirname, '..', '..');

/** Something these scripts could not do: what, why, and what to do next. Shown without a stack. */
export class StepError extends Error {
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** One line about how it goes, apart from results: these scripts share the terminal with others. */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

export function secondsSince(startMs) {
  return `${((performance.now() - startMs) / 1_000).toFixed(1)} s`;
}

/** Ends the process as a script should that caught `error`. */
export function fail(error) {
  if (!(error instanceof StepError)) throw error;
  say(`\n${error.message}`);
  process.exit(error.exitCode);
}

/**
 * Runs a program in the foreground and waits; a Ctrl-C reaches it and ends both.
 * @returns the exit code
 */
export function runInForeground(file, args) {
  // Progress belongs to standard error: the standard output is the command's that comes after.
  const run = spawnSync(file, args, { cwd: root, stdio: ['inherit', 2, 2] });
  if (run.error !== undefined) throw new StepError(`Could not run ${file}: ${run.error.message}`);
  if (run.signal !== null) throw new StepError(`Interrupted (${run.signal}).`, 130);
  return run.status;
}

/** How long a group that was asked to end may take before it is killed. */
const graceMs = 10_000;

/**
 * Runs a program as a process group of its own, with a bound on its time, and leaves nothing of
 * the group behind when it is over.
 * @returns {Promise<{ code: number | null, why: string | undefined }>} `why` says what ended it
 * when it did not end by itself.
 * @throws StepError when we were asked to stop meanwhile.
 */
export async function runBounded({ file, args, timeoutMs, env = {} }) {
  const child = spawn(file, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env },
    detached: true,
  });
  let why;
  let killTimer;
  const stop = (reason) => {
    if (why !== undefined) return;
    why = reason;
    signalGroup(child.pid, 'SIGTERM');
    killTimer = setTimeout(() => signalGroup(child.pid, 'SIGKILL'), graceMs);
  };
  const timer = setTimeout(
    () => stop(`stopped after ${(timeoutMs / 60_000).toFixed(1)} min`),
    timeoutMs,
  );
  let interrupted = false;
  const onSignal = (signal) => {
    interrupted = true;
    stop(`interrupted by ${signal}`);
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  try {
    const ended = await new Promise((settle) => {
      child.once('error', (error) => settle({ code: null, why: error.message }));
      child.once('exit', (code, signal) => {
        settle({ code, why: why ?? (signal === null ? undefined : `ended by ${signal}`) });
      });
    });
    if (interrupted) throw new StepError(`Stopped: ${why}.`, 130);
    return ended;
  } finally {
    clearTimeout(timer);
    clearTimeout(killTimer);
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    signalGroup(child.pid, 'SIGKILL');
  }
}

function signalGroup(pid, signal) {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // Nobody is left in the group.
    if (error.code !== 'ESRCH') throw error;
  }
}
