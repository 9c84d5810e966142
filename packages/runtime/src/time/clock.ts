/** Time as a parameter, so that simulations can bring their own. */
export interface Clock {
  /** Microseconds since the Unix epoch. */
  nowUs(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /**
   * Calls `over` after `ms`, unless what it returned is called before: who waits thousands of
   * times a second makes no signal each time. A clock without it sleeps.
   */
  alarm?(ms: number, over: () => void): () => void;
}

/** The machine's clock. */
export const systemClock: Clock = {
  // Not performance.now(): it does not follow the machine's clock when that is set right.
  nowUs: () => Date.now() * 1000,
  // Not that of `timers/promises`: it rejects with an error of its own, made anew each time.
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      const abort = (): void => {
        clearTimeout(timer);
        reject(signal!.reason as Error);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', abort);
        resolve();
      }, ms);
      signal?.addEventListener('abort', abort, { once: true });
    }),
  alarm: (ms, over) => {
    const timer = setTimeout(over, ms);
    return () => clearTimeout(timer);
  },
};
