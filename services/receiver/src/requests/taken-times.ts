import type { TimeUs } from '@millrace/model';

/** A stretch of times of which any may be taken. */
interface Stretch {
  fromUs: TimeUs;
  toUs: TimeUs;
}

/** A clock that is so far ahead of the last time has left what lies between to others. */
const HOLE_US_MIN = 60_000_000;
/** Each but the first is a step of the clock, or a minute without a sample. */
const STRETCHES_MAX = 64;

/**
 * Gives times away, each of them once: that which is asked for, or the next one that is free, and
 * none before the first. A bounded number of stretches is remembered; what lies between two that
 * are joined for want of room counts as taken, so that no time is ever given twice.
 */
export class TakenTimes {
  /** Ascending, and apart. */
  readonly #stretches: Stretch[] = [];

  take(askedUs: TimeUs): TimeUs {
    // What lies before the first one was given away by whoever ran before.
    const wantedUs = Math.max(askedUs, this.#stretches[0]?.fromUs ?? askedUs);
    let at = this.#stretches.findLastIndex(({ fromUs }) => fromUs <= wantedUs);
    let timeUs = wantedUs;
    const before = this.#stretches[at];
    if (before !== undefined && wantedUs - before.toUs < HOLE_US_MIN) {
      timeUs = Math.max(wantedUs, before.toUs + 1);
      before.toUs = timeUs;
    } else {
      at += 1;
      this.#stretches.splice(at, 0, { fromUs: timeUs, toUs: timeUs });
    }
    // Grown up to the next one, whose first time this is: what is free lies behind that.
    while (timeUs >= (this.#stretches[at + 1]?.fromUs ?? Infinity)) {
      this.#join(at);
      const grown = this.#stretches[at]!;
      timeUs = grown.toUs + 1;
      grown.toUs = timeUs;
    }
    if (this.#stretches.length > STRETCHES_MAX) this.#join(this.#narrowest());
    return timeUs;
  }

  #join(at: number): void {
    const [next] = this.#stretches.splice(at + 1, 1);
    const one = this.#stretches[at]!;
    one.toUs = Math.max(one.toUs, next!.toUs);
  }

  /** The stretch behind which the smallest hole lies. */
  #narrowest(): number {
    const holes = this.#stretches
      .slice(1)
      .map(({ fromUs }, i) => fromUs - this.#stretches[i]!.toUs);
    return holes.indexOf(Math.min(...holes));
  }
}
