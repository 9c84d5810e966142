import type { Clock } from '@millrace/runtime';
import { AgeOrder, type Aging } from '../parts/age-order.ts';

/** A deadline is met this precisely: no later than by one of so many parts of its time. */
const SLICES = 16;

interface Waiting extends Aging<Waiting> {
  /** In which slice it began to wait. */
  since: number;
  giveUp: () => void;
}

/**
 * The same patience for many promises at once, with one timer for all of them: a timer, a signal
 * and a race for each request cost more than its samples.
 */
export class Deadlines {
  /** How long each is waited for. */
  readonly ms: number;
  readonly #clock: Clock;
  /** In the order in which they began to wait, and so of their deadlines. */
  readonly #waiting = new AgeOrder<Waiting>();
  #slice = 0;
  #isTicking = false;
  readonly #stopping = new AbortController();

  constructor(params: Readonly<{ clock: Clock; ms: number }>) {
    this.#clock = params.clock;
    this.ms = params.ms;
  }

  /**
   * What `doing` resolves with, or what `late` tells when that takes too long. Then it goes on by
   * itself, and how it ends is nobody's concern any more.
   */
  within<T>(doing: Promise<T>, late: () => Error): Promise<T> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        since: this.#slice,
        giveUp: () => reject(late()),
        older: undefined,
        younger: undefined,
      };
      this.#waiting.add(waiting);
      if (!this.#isTicking) void this.#tick();
      doing.then(
        (value) => {
          this.#waiting.remove(waiting);
          resolve(value);
        },
        (error: unknown) => {
          this.#waiting.remove(waiting);
          reject(error as Error);
        },
      );
    });
  }

  /** Gives up on nothing any more. */
  stop(): void {
    this.#stopping.abort();
  }

  /** Counts slices, and not a clock that may be set, until nobody has waited for a whole one. */
  async #tick(): Promise<void> {
    const { signal } = this.#stopping;
    this.#isTicking = true;
    try {
      while (this.#waiting.oldest !== undefined) {
        await this.#clock.sleep(this.ms / SLICES, signal);
        this.#slice += 1;
        this.#giveUpOnLate();
      }
    } catch (error) {
      // Being stopped is no failure.
      if (!signal.aborted) throw error;
    } finally {
      this.#isTicking = false;
    }
  }

  #giveUpOnLate(): void {
    for (;;) {
      const { oldest } = this.#waiting;
      // What began within a slice has waited that much less.
      if (oldest === undefined || this.#slice - oldest.since <= SLICES) return;
      this.#waiting.remove(oldest);
      oldest.giveUp();
    }
  }
}
