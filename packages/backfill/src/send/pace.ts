import type { Clock } from '@millrace/runtime';

/** Lets so many samples a second pass; unlimited where no number is given. */
export class Pace {
  readonly #clock: Clock;
  readonly #perSecond: number | undefined;
  /** When what passed so far has had its time. */
  #freeUs = 0;

  constructor(clock: Clock, perSecond: number | undefined) {
    this.#clock = clock;
    this.#perSecond = perSecond;
  }

  /** Resolves when `samples` more may pass. What was not used before is not made up for. */
  async admit(samples: number, signal: AbortSignal): Promise<void> {
    if (this.#perSecond === undefined) return;
    const nowUs = this.#clock.nowUs();
    const waitUs = this.#freeUs - nowUs;
    this.#freeUs = Math.max(this.#freeUs, nowUs) + (samples / this.#perSecond) * 1e6;
    if (waitUs > 0) await this.#clock.sleep(waitUs / 1000, signal);
  }
}
