import { setTimeout as sleepReal } from 'node:timers/promises';

/** Time as a parameter, so that simulations can bring their own. */
export interface Clock {
  /** Microseconds since the Unix epoch. */
  nowUs(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's clock. */
export const systemClock: Clock = {
  // Not performance.now(): it does not follow the machine's clock when that is set right.
  nowUs: () => Date.now() * 1000,
  sleep: async (ms, signal) => {
    await sleepReal(ms, undefined, signal === undefined ? {} : { signal });
  },
};
