import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { constants, getPriority, setPriority } from 'node:os';
import { errorText } from '../errors.ts';
import type { Log } from '../log/log.ts';

/** Steps of niceness: who has them gets a tenth of the time of who has none, where both want it. */
export const GIVE_WAY_STEPS = 10;

/**
 * Lets this thread, and those that it starts from now on, give way to others of the process. Only
 * Linux knows niceness of a thread; elsewhere, or where it cannot be set, all stay alike: whoever
 * waits does so for longer, and nothing else changes.
 */
export function giveWay(log: Log): void {
  if (process.platform !== 'linux') return;
  attempt(log, 'A thread', () =>
    lower(Number(readlinkSync('/proc/thread-self').split('/').at(-1))),
  );
}

/**
 * The same for the threads that compile and collect garbage for all others. Whoever waits for one
 * of them waits for longer where everything is busy, but what they do is seldom waited for.
 */
export function letHelpersGiveWay(log: Log): void {
  if (process.platform !== 'linux') return;
  attempt(log, "The engine's threads", () => {
    const threads = readdirSync('/proc/self/task').map((id) => ({
      id: Number(id),
      name: readFileSync(`/proc/self/task/${id}/comm`, 'utf8').trim(),
    }));
    for (const id of helpersAmong(threads, process.execArgv)) lower(id);
  });
}

/** The same for a process, on any system, and all that it starts from now on. */
export function letProcessGiveWay(log: Log, pid: number): void {
  attempt(log, 'A process', () => lower(pid));
}

interface Thread {
  id: number;
  name: string;
}

const HELPER_NAME = 'V8Worker';
/** What `--v8-pool-size` is unless it is given. */
const HELPERS = 4;

/**
 * Since Node 23 threads have names. Before, the process starts them before all others: behind its
 * main thread comes the one that keeps time for them, then they. A guess, and if it is wrong other
 * threads give way, which costs time and nothing else; with another number of them it is not made.
 */
export function helpersAmong(threads: readonly Thread[], options: readonly string[]): number[] {
  const named = threads.filter(({ name }) => name === HELPER_NAME);
  if (named.length > 0) return named.map(({ id }) => id);
  const isAnotherNumber = options.some((option) => option.startsWith('--v8-pool-size'));
  const areAlike = threads.every(({ name }) => name === threads[0]!.name);
  if (!areAlike || isAnotherNumber || threads.length <= 1 + HELPERS) return [];
  const ids = threads.map(({ id }) => id).sort((one, other) => one - other);
  return ids.slice(2, 2 + HELPERS);
}

function lower(id: number): void {
  setPriority(id, Math.min(constants.priority.PRIORITY_LOW, getPriority(id) + GIVE_WAY_STEPS));
}

function attempt(log: Log, who: string, run: () => void): void {
  try {
    run();
  } catch (error) {
    log.debug({ error: errorText(error) }, `${who} could not be made to give way`);
  }
}
