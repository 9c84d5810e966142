import { errorText, type Clock, type Log } from '@millrace/runtime';
import type { StoredPositions } from './stored-positions.ts';

/** Asks the store how far it has come with these partitions; positions by partition. */
export type ReadStoredPositions = (
  partitions: readonly number[],
) => Promise<ReadonlyMap<number, number>>;

/** What a process knows of a store that it has to ask. */
export interface PolledPositions extends StoredPositions {
  refresh(partitions: readonly number[]): Promise<void>;
  /** Ends the asking; nobody may wait any more. */
  close(): Promise<void>;
}

interface Waiter {
  partition: number;
  position: number;
  resolve: () => void;
}

/** Asks while somebody waits, and only then; once at a time, however many wait. */
export function pollPositions(
  components: Readonly<PollComponents>,
  settings: Readonly<{ pollMs: number }>,
): PolledPositions {
  return new PollingPositions(components, settings);
}

interface PollComponents {
  read: ReadStoredPositions;
  clock: Clock;
  log: Log;
}

class PollingPositions implements PolledPositions {
  readonly #components: Readonly<PollComponents>;
  readonly #settings: Readonly<{ pollMs: number }>;
  readonly #known = new Map<number, number>();
  readonly #waiters = new Set<Waiter>();
  readonly #closing = new AbortController();
  #polling: Promise<void> | undefined;
  #isTold = false;

  constructor(components: Readonly<PollComponents>, settings: Readonly<{ pollMs: number }>) {
    this.#components = components;
    this.#settings = settings;
  }

  position(partition: number): number {
    return this.#known.get(partition) ?? 0;
  }

  wait(partition: number, position: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiters.delete(waiter);
        signal.removeEventListener('abort', abort);
      };
      const abort = (): void => {
        leave();
        reject(signal.reason as Error);
      };
      const stored = (): void => {
        leave();
        resolve();
      };
      const waiter: Waiter = { partition, position, resolve: stored };
      if (signal.aborted) return reject(signal.reason as Error);
      if (this.position(partition) >= position) return resolve();
      signal.addEventListener('abort', abort, { once: true });
      this.#waiters.add(waiter);
      this.#polling ??= this.#poll();
    });
  }

  async refresh(partitions: readonly number[]): Promise<void> {
    const { read, log } = this.#components;
    try {
      for (const [partition, stored] of await read(partitions)) {
        this.#known.set(partition, Math.max(this.position(partition), stored));
      }
      if (this.#isTold) log.info({}, 'The store tells how far it is again.');
      this.#isTold = false;
    } catch (error) {
      // Once: whoever waits is told that it is not known to be stored, which is the truth.
      const text = errorText(error);
      if (!this.#isTold) log.warn({ error: text }, 'The store cannot be asked how far it is.');
      this.#isTold = true;
    }
    for (const waiter of this.#waiters) {
      if (this.position(waiter.partition) >= waiter.position) waiter.resolve();
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#polling;
  }

  async #poll(): Promise<void> {
    const { signal } = this.#closing;
    while (this.#waiters.size > 0 && !signal.aborted) {
      await this.refresh([...new Set([...this.#waiters].map(({ partition }) => partition))]);
      if (this.#waiters.size === 0) break;
      await this.#components.clock.sleep(this.#settings.pollMs, signal).catch(() => undefined);
    }
    this.#polling = undefined;
  }
}
