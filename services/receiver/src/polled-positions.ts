import { errorText, type Clock, type Dependency, type Log } from '@millrace/runtime';
import type { StoredPositions } from './stored-positions.ts';

/** Asks the store how far it has come with these partitions; positions by partition. */
export type ReadStoredPositions = (
  partitions: readonly number[],
) => Promise<ReadonlyMap<number, number>>;

/** What a process knows of a store that it has to ask. */
export interface PolledPositions extends StoredPositions {
  /** For `/readyz`: whether the store answered when it was last asked. */
  readonly dependency: Dependency;
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
  components: Readonly<{ read: ReadStoredPositions; clock: Clock; log: Log }>,
  settings: Readonly<{ pollMs: number }>,
): PolledPositions {
  const { read, clock, log } = components;
  const known = new Map<number, number>();
  const waiters = new Set<Waiter>();
  const closing = new AbortController();
  let polling: Promise<void> | undefined;
  let failure: string | undefined;

  const position = (partition: number): number => known.get(partition) ?? 0;
  const refresh = async (partitions: readonly number[]): Promise<void> => {
    try {
      for (const [partition, stored] of await read(partitions)) {
        known.set(partition, Math.max(position(partition), stored));
      }
      if (failure !== undefined) log.info({}, 'The store tells how far it is again.');
      failure = undefined;
    } catch (error) {
      // Once: whoever waits is told that it is not known to be stored, which is the truth.
      const text = errorText(error);
      if (failure === undefined)
        log.warn({ error: text }, 'The store cannot be asked how far it is.');
      failure = text;
    }
    for (const waiter of waiters) {
      if (position(waiter.partition) >= waiter.position) waiter.resolve();
    }
  };
  const poll = async (): Promise<void> => {
    while (waiters.size > 0 && !closing.signal.aborted) {
      await refresh([...new Set([...waiters].map(({ partition }) => partition))]);
      if (waiters.size === 0) break;
      await clock.sleep(settings.pollMs, closing.signal).catch(() => undefined);
    }
    polling = undefined;
  };
  return {
    position,
    refresh,
    wait: (partition, wanted, signal) =>
      new Promise((resolve, reject) => {
        const leave = (): void => {
          waiters.delete(waiter);
          signal.removeEventListener('abort', abort);
        };
        const abort = (): void => {
          leave();
          reject(signal.reason as Error);
        };
        const waiter: Waiter = {
          partition,
          position: wanted,
          resolve: () => {
            leave();
            resolve();
          },
        };
        if (signal.aborted) return reject(signal.reason as Error);
        if (position(partition) >= wanted) return resolve();
        signal.addEventListener('abort', abort, { once: true });
        waiters.add(waiter);
        polling ??= poll();
      }),
    get dependency(): Dependency {
      if (failure === undefined) return { name: 'store', state: 'ok' };
      return { name: 'store', state: 'degraded', detail: failure };
    },
    close: async () => {
      closing.abort();
      await polling;
    },
  };
}
