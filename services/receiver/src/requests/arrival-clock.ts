import { SampleKind, type TimeUs } from '@millrace/model';
import type { Clock } from '@millrace/runtime';
import { TakenTimes } from './taken-times.ts';

/** Arrival times, and times for samples that came without one. */
export class ArrivalClock {
  readonly #clock: Clock;
  readonly #taken = new TakenTimes();
  #lastOfCounterUs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  nowUs(): TimeUs {
    return this.#clock.nowUs();
  }

  /**
   * The arrival time, or the next microsecond that this receiver has not given away yet: two
   * samples without a time must never meet at one, also when the clock steps back. What a clock
   * that was ahead for a while gave away keeps nobody from going by it again, but counters: of
   * those a later sample with an earlier time would count as a reset.
   */
  untimedUs(receivedAtUs: TimeUs, kind: SampleKind): TimeUs {
    if (kind !== SampleKind.cumulative) return this.#taken.take(receivedAtUs);
    this.#lastOfCounterUs = this.#taken.take(Math.max(receivedAtUs, this.#lastOfCounterUs));
    return this.#lastOfCounterUs;
  }
}
