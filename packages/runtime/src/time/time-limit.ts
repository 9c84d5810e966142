import type { Clock } from './clock.ts';

/** A signal that aborts with a reason when its time is over. */
export interface TimeLimit {
  readonly signal: AbortSignal;
  /** What it was for is done: it holds nothing any more. */
  end(): Promise<void>;
}

/** Begins to count at once. */
export function limitTime(
  clock: Clock,
  msMax: number,
  reason: (msMax: number) => Error,
): TimeLimit {
  const over = new AbortController();
  const done = new AbortController();
  const late = clock.sleep(msMax, done.signal).then(
    () => over.abort(reason(msMax)),
    () => undefined,
  );
  return {
    signal: over.signal,
    end: async () => {
      done.abort();
      await late;
    },
  };
}
