import type { Clock } from '@millrace/runtime';

/** A deadline is met this precisely: no later than by one of so many parts of its time. */
const SLICES = 16;

interface Waiting {
  /** In which slice it began to wait. */
  since: number;
  giveUp: () => void;
}

/**
 * The same patience for many promises at once, with one timer for all of them: a timer, a signal
 * and a race for each request cost more than its samples.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #sliceMs: number;
  /** In the order in which they began to wait, and so of their deadlines. */
  readonly #waiting = new Set<Waiting>();
  #slice = 0;
  #ticking: AbortController | undefined;

  constructor(params: Readonly<{ clock: Clock; ms: number }>) {
    this.#clock = params.clock;
    this.#sliceMs = params.ms / SLICES;
  }

  /**
   * What `doing` resolves with, or what `late` tells when that takes too long. Then it goes on by
   * itself, and how it ends is nobody's concern any more.
   */
  within<T>(doing: Promise<T>, late: () => Error): Promise<T> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { since: this.#slice, giveUp: () => reject(late()) };
      this.#waiting.add(waiting);
      this.#ticking ??= this.#begin();
      doing.then(
        (value) => {
          this.#end(waiting);
          resolve(value);
        },
        (error: unknown) => {
          this.#end(waiting);
          reject(error as Error);
        },
      );
    });
  }

  #end(waiting: Waiting): void {
    this.#waiting.delete(waiting);
    if (this.#waiting.size > 0) return;
    this.#ticking?.abort();
    this.#ticking = undefined;
  }

  #begin(): AbortController {
    const ticking = new AbortController();
    // It ends by being aborted.
    void this.#tick(ticking.signal).catch(() => undefined);
    return ticking;
  }

  /** Counts slices, and not a clock that may be set: until nobody waits, and it is aborted. */
  async #tick(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(this.#sliceMs, signal);
      this.#slice += 1;
      for (const waiting of this.#waiting) {
        // What began within a slice has waited that much less.
        if (this.#slice - waiting.since <= SLICES) break;
        this.#end(waiting);
        waiting.giveUp();
      }
    }
  }
}
