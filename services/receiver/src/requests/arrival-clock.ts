import type { TimeUs } from '@millrace/model';
import type { Clock } from '@millrace/runtime';

/** Arrival times, and times for samples that came without one. */
export class ArrivalClock {
  readonly #clock: Clock;
  #lastUntimedUs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  nowUs(): TimeUs {
    return this.#clock.nowUs();
  }

  /**
   * The arrival time, or the next microsecond that this receiver has not given away yet: two
   * samples without a time must never meet at one, also when the clock steps back.
   */
  untimedUs(receivedAtUs: TimeUs): TimeUs {
    this.#lastUntimedUs = Math.max(this.#lastUntimedUs + 1, receivedAtUs);
    return this.#lastUntimedUs;
  }
}
