import type { Clock } from '@millrace/runtime';

/** The longest sleep a timer can do; a longer wait only ends earlier, with nothing. */
const sleepMsMax = 2 ** 31 - 1;
/** Nobody sees it. Made once: each wait that is woken would make one, with a stack, otherwise. */
const IS_OVER = new Error('somebody woke the wait');

export type WaitParams = Readonly<{
  clock: Clock;
  waitMs: number;
  signal: AbortSignal | undefined;
  ready: () => boolean;
}>;

/**
 * Those who wait for something to change. Each waiter is kept only as long as it waits, so a
 * reader that polls an idle partition for days leaves nothing behind.
 */
export class WakeUps {
  readonly #waiting = new Set<() => void>();

  /** How many wait now. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Lets everybody look again. */
  wake(): void {
    for (const look of this.#waiting) look();
  }

  /**
   * Resolves as soon as `ready` says so, or after `waitMs`, whichever is first; `ready` is asked
   * at once and after every wake-up. Rejects with the signal's reason, or with what `ready` throws.
   */
  async wait(params: WaitParams): Promise<void> {
    const { clock, signal, ready } = params;
    if (signal?.aborted === true) throw signal.reason;
    if (ready() || params.waitMs <= 0) return;
    if (clock.alarm !== undefined) {
      await this.#untilAlarm(params);
      return;
    }
    // The sleep is ended through a signal of our own: joining it to the caller's, which lives as
    // long as the stage, would leave a listener behind for every wait.
    const over = new AbortController();
    let look = (): void => undefined;
    let abort = (): void => undefined;
    const woken = new Promise<void>((resolve, reject) => {
      look = () => {
        try {
          if (ready()) resolve();
        } catch (error) {
          reject(error);
        }
      };
      abort = () => reject(signal?.reason);
    });
    this.#waiting.add(look);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      const sleepMs = Math.min(params.waitMs, sleepMsMax);
      await Promise.race([woken, clock.sleep(sleepMs, over.signal)]);
    } finally {
      this.#waiting.delete(look);
      signal?.removeEventListener('abort', abort);
      over.abort(IS_OVER);
    }
  }

  /** The same for a tenth of the price: neither a signal nor a sleep is made for it. */
  #untilAlarm({ clock, waitMs, signal, ready }: WaitParams): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const end = (error?: unknown): void => {
        this.#waiting.delete(look);
        signal?.removeEventListener('abort', abort);
        callOff();
        if (error === undefined) resolve();
        else reject(error as Error);
      };
      const look = (): void => {
        try {
          if (ready()) end();
        } catch (error) {
          end(error);
        }
      };
      const abort = (): void => end(signal!.reason);
      const callOff = clock.alarm!(Math.min(waitMs, sleepMsMax), () => end());
      this.#waiting.add(look);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }
}
