import { WakeUps, type WaitParams } from '../wake-ups.ts';
import type { SharedSlot } from './segment-shared.ts';

/** `Atomics.waitAsync` of ES2024, in every Node since 16, not yet in the library we compile to. */
type WaitAsync = (
  words: Int32Array,
  index: number,
  value: number,
) => { async: false; value: string } | { async: true; value: Promise<string> };
const waitAsync: WaitAsync = (
  Atomics as unknown as Readonly<{ waitAsync: WaitAsync }>
).waitAsync.bind(Atomics);

/**
 * Wakes the readers of one partition in this thread when its owner, in whatever thread, publishes.
 * One wait on the shared memory serves all of them. It does not keep the event loop alive, and
 * would be no protection against a lost wake-up; the sleep beside it does and is: a reader looks
 * again at the latest when its own wait is over.
 */
export class SlotSignal {
  readonly #slot: SharedSlot;
  readonly #wakeUps = new WakeUps();
  #armed = false;

  constructor(slot: SharedSlot) {
    this.#slot = slot;
  }

  /** As `WakeUps.wait`. */
  async wait(params: WaitParams): Promise<void> {
    // Armed before `ready` is asked: what is published in between must not be missed.
    this.#arm();
    await this.#wakeUps.wait(params);
  }

  /** Lets the waiters of this thread look again, without anything published. */
  wake(): void {
    this.#wakeUps.wake();
  }

  #arm(): void {
    while (!this.#armed) {
      const waiting = waitAsync(this.#slot.words, 0, this.#slot.version);
      if (!waiting.async) continue;
      this.#armed = true;
      void waiting.value.then(() => {
        this.#armed = false;
        if (this.#wakeUps.size > 0) this.#arm();
        this.#wakeUps.wake();
      });
    }
  }
}
