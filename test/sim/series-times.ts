/** What the design promises about the times of a series. */
export interface TimesPromise {
  /** Newest times that are remembered. */
  rememberedMax: number;
  /** Newest gaps that are. */
  gapsMax: number;
  /** The usual step of the series. */
  stepUs: number;
}

/** A number, or the bytes of a native histogram as hex. */
export type SimValue = number | string;

/**
 * What a series remembers, as the design says it: its newest N times, the floor below them, the
 * newest gaps below that; and all times and values there ever were, because a test may.
 */
export class SeriesTimes {
  readonly #promise: TimesPromise;
  readonly #values = new Map<number, SimValue>();
  /** All times, ascending. */
  readonly #times: number[] = [];
  #remembered: number[] = [];
  floorUs = -Infinity;
  /** The smallest usual step so far: samples out of turn make intervals of one step seem long. */
  #stepUs: number;
  /** Gaps below were too many at some time. */
  #forgottenBelowUs = -Infinity;

  constructor(promise: TimesPromise) {
    this.#promise = promise;
    this.#stepUs = promise.stepUs;
  }

  has(timeUs: number): boolean {
    return this.#values.has(timeUs);
  }

  /** The first time from one on that is not remembered: an arrival without a time gets it. */
  freeFrom(timeUs: number): number {
    let free = timeUs;
    for (const known of this.#remembered) if (known === free) free += 1;
    return free;
  }

  /** Whether a sample at a time that was never seen may count as one that cannot be told. */
  mayBeForgotten(timeUs: number): boolean {
    return timeUs < this.#forgottenBelowUs;
  }

  /** The value of the first sample that had this time. */
  valueOf(timeUs: number): SimValue | undefined {
    return this.#values.get(timeUs);
  }

  /** A sample that is new. Below the floor it filled a gap, and the floor stays. */
  add(timeUs: number, value: SimValue): void {
    this.#values.set(timeUs, value);
    let at = this.#times.length;
    while (at > 0 && this.#times[at - 1]! > timeUs) at -= 1;
    this.#times.splice(at, 0, timeUs);
    if (timeUs > this.floorUs) {
      this.#remembered = [...this.#remembered, timeUs].sort((a, b) => a - b);
      if (this.#remembered.length > this.#promise.rememberedMax) {
        this.floorUs = this.#remembered.shift()!;
        this.#stepUs = Math.min(this.#stepUs, usualStepUs(this.#remembered));
      }
    }
    this.#boundGaps();
  }

  #boundGaps(): void {
    const { gapsMax } = this.#promise;
    const stepUs = this.#stepUs;
    let gaps = 0;
    for (let i = this.#times.length - 1; i > 0; i -= 1) {
      const [from, to] = [this.#times[i - 1]!, this.#times[i]!];
      if (to <= this.#forgottenBelowUs) return;
      if (to > this.floorUs || 2 * (to - from) <= 3 * stepUs) continue;
      gaps += 1;
      if (gaps === gapsMax) this.#forgottenBelowUs = from;
    }
  }
}

/** The lower quartile of the intervals between times, as ARCHITECTURE.md says it and why. */
function usualStepUs(times: readonly number[]): number {
  const intervals = times.slice(1).map((time, i) => time - times[i]!);
  return intervals.sort((a, b) => a - b)[Math.floor(intervals.length / 4)] ?? Infinity;
}
