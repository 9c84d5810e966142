import type { Clock } from '@millrace/runtime';

/** The clock of whoever leads the log: another leader has another one, and it may be behind. */
export class LogClock implements Clock {
  readonly #clock: Clock;
  offsetUs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  nowUs(): number {
    return this.#clock.nowUs() + this.offsetUs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.#clock.sleep(ms, signal);
  }
}
