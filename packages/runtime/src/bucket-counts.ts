import type { Histogram } from 'prom-client';

/** What a histogram keeps of the values it was shown: of buckets, those up to its bound alone. */
interface Kept {
  readonly bucketValues: Record<string, number>;
  sum: number;
  count: number;
}

/**
 * Counts the values of a histogram without labels, and gives them to it when somebody looks. Shown
 * to it one by one, each would cost three numbers that are written as texts, to find one bucket by
 * it, and there are several for each request.
 */
export class BucketCounts {
  readonly #bounds: Float64Array;
  readonly #counts: Float64Array;
  #sum = 0;
  #count = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = Float64Array.from(bounds);
    this.#counts = new Float64Array(bounds.length);
  }

  observe(value: number): void {
    if (!Number.isFinite(value)) throw new TypeError(`${value} cannot be observed`);
    this.#sum += value;
    this.#count += 1;
    const bounds = this.#bounds;
    for (let i = 0; i < bounds.length; i += 1) {
      if (value > bounds[i]!) continue;
      this.#counts[i]! += 1;
      return;
    }
  }

  /** Adds what was counted since the last time. */
  giveTo(histogram: Histogram): void {
    if (this.#count === 0) return;
    const kept = keptOf(histogram);
    kept.sum += this.#sum;
    kept.count += this.#count;
    for (const [i, bound] of this.#bounds.entries()) kept.bucketValues[bound]! += this.#counts[i]!;
    this.#sum = 0;
    this.#count = 0;
    this.#counts.fill(0);
  }
}

/** The library has no other way to add more than one value at once. */
function keptOf(histogram: Histogram): Kept {
  const [kept] = Object.values((histogram as unknown as { hashMap: Record<string, Kept> }).hashMap);
  return kept!;
}
