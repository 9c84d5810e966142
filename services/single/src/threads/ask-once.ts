/** A question to a thread that may hang. */
export interface Question<T> {
  /** What it answers, or answered last when it takes too long; undefined: it never answered. */
  ask(): Promise<T | undefined>;
  /** For how long it has been asked in vain; 0: it has answered. */
  silentMs(): number;
}

/** Asks once at a time, and waits so long: questions to a thread that hangs would only pile up. */
export function askOnce<T>(ask: () => Promise<T>, answerMsMax: number): Question<T> {
  let last: T | undefined;
  let asking: { sinceMs: number; answer: Promise<unknown> } | undefined;
  const askNow = (): NonNullable<typeof asking> => {
    const answer = ask()
      .then((answered) => (last = answered))
      .finally(() => (asking = undefined));
    return { sinceMs: performance.now(), answer };
  };
  return {
    ask: async () => {
      asking ??= askNow();
      const { answer } = asking;
      const timer = new AbortController();
      const late = new Promise<void>((resolve) => {
        const timeout = setTimeout(resolve, answerMsMax);
        timer.signal.addEventListener('abort', () => clearTimeout(timeout));
      });
      // Why it refused is told where it broke down.
      await Promise.race([answer, late]).catch(() => undefined);
      timer.abort();
      return last;
    },
    silentMs: () => (asking === undefined ? 0 : performance.now() - asking.sinceMs),
  };
}
