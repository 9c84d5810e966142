import type { Clock } from './clock.ts';
import { errorKind } from '../errors.ts';

/**
 * Bounded doubling delays between attempts. Without jitter on purpose: a simulation must replay,
 * and nothing here is retried by so many at once that spreading them would matter.
 */
export interface Backoff {
  /** Sleeps the next delay; rejects with the signal's reason when it aborts. */
  wait(signal?: AbortSignal): Promise<void>;
  /** The next delay, for who waits for something else besides: it counts as one that was slept. */
  take(): number;
  /** After a success: the next delay is the smallest one again. */
  reset(): void;
  /** The delay the next `wait` will sleep. */
  readonly delayMs: number;
  /** Waits since the last reset. */
  readonly attempts: number;
}

export interface BackoffSettings {
  /** First delay. */
  readonly delayMsMin: number;
  /** Delays double up to this one. */
  readonly delayMsMax: number;
}

const defaults: BackoffSettings = { delayMsMin: 100, delayMsMax: 5_000 };

export function createBackoff(
  components: Readonly<{ clock: Clock }>,
  settings: Partial<BackoffSettings> = {},
): Backoff {
  const { delayMsMin, delayMsMax } = { ...defaults, ...settings };
  let attempts = 0;
  let delayMs = delayMsMin;
  const take = (): number => {
    const currentMs = delayMs;
    attempts += 1;
    delayMs = Math.min(delayMs * 2, delayMsMax);
    return currentMs;
  };
  return {
    wait: (signal) => components.clock.sleep(take(), signal),
    take,
    reset: () => {
      attempts = 0;
      delayMs = delayMsMin;
    },
    get delayMs() {
      return delayMs;
    },
    get attempts() {
      return attempts;
    },
  };
}

/**
 * Calls `attempt` until it resolves, as long as it fails with transient errors; any other error
 * is rethrown at once. Ends with the signal's reason when that aborts between two attempts.
 */
export async function retryTransient<T>(
  params: Readonly<{
    clock: Clock;
    attempt: () => Promise<T>;
    signal?: AbortSignal;
    settings?: Partial<BackoffSettings>;
    /** Told of each failure before the wait, with the delay that follows. */
    onRetry?: (error: unknown, delayMs: number) => void;
  }>,
): Promise<T> {
  const backoff = createBackoff({ clock: params.clock }, params.settings);
  for (;;) {
    params.signal?.throwIfAborted();
    try {
      return await params.attempt();
    } catch (error) {
      if (errorKind(error) !== 'transient') throw error;
      params.onRetry?.(error, backoff.delayMs);
      await backoff.wait(params.signal);
    }
  }
}
