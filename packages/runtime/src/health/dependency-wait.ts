import type { Backoff } from '../time/backoff.ts';
import { errorKind, errorText, MillraceError } from '../errors.ts';
import { exitCodeOf, exitCodes } from '../exit-codes.ts';
import type { Dependency } from './health.ts';
import type { Log } from '../log/log.ts';

/**
 * Waits for services that a process needs and that may be away for hours: says so once when the
 * reason changes, and once when they are there.
 */
export class DependencyWait {
  readonly #params: DependencyWaitParams;
  readonly #states = new Map<string, Dependency>();

  constructor(params: DependencyWaitParams) {
    this.#params = params;
  }

  /** For `/readyz`. */
  get dependencies(): readonly Dependency[] {
    return [...this.#states.values()];
  }

  /**
   * Calls `attempt` until it resolves. Also a permanent error is tried again, because whoever
   * mends it may not want to look for every process that waits; only a defect and what is wrong
   * with our own settings reject. Rejects with the signal's reason when that aborts.
   */
  async until<T>(name: string, attempt: () => Promise<T>): Promise<T> {
    const { log, signal, createBackoff } = this.#params;
    const backoff = createBackoff();
    let told: string | undefined;
    this.#states.set(name, { name, state: 'down', detail: 'It is being looked for.' });
    for (;;) {
      signal.throwIfAborted();
      try {
        const found = await attempt();
        this.#states.set(name, { name, state: 'ok' });
        if (told !== undefined) log.info({ dependency: name }, 'It is there now.');
        return found;
      } catch (error) {
        if (!isWorthWaiting(error)) throw error;
        const { code, remedy } = error;
        const detail = `${errorText(error)} ${remedy ?? ''}`.trim();
        this.#states.set(name, { name, state: 'down', detail });
        if (code !== told) {
          const fields = { dependency: name, code, means: error.message, remedy };
          log.warn(fields, 'The process waits for what it needs.');
        }
        told = code;
        await backoff.wait(signal);
      }
    }
  }
}

type DependencyWaitParams = Readonly<{
  log: Log;
  signal: AbortSignal;
  createBackoff: () => Backoff;
}>;

function isWorthWaiting(error: unknown): error is MillraceError {
  if (!(error instanceof MillraceError)) return false;
  const kind = errorKind(error);
  if (kind === 'defect' || kind === 'aborted') return false;
  return exitCodeOf(error) !== exitCodes.configuration;
}
