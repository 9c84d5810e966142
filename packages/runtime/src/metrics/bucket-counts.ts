import type { Histogram } from 'prom-client';

/**
 * What prom-client 15.1 keeps of a histogram without labels, in a map of its own that it does not
 * document (`hashMap`); of buckets, those up to a value's bound alone.
 */
interface LibraryHistogramValues {
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
    const values = libraryValuesOf(histogram);
    values.sum += this.#sum;
    values.count += this.#count;
    for (const [i, bound] of this.#bounds.entries()) {
      values.bucketValues[bound]! += this.#counts[i]!;
    }
    this.#sum = 0;
    this.#count = 0;
    this.#counts.fill(0);
  }
}

/**
 * The library has no other way to add more than one value at once.
 *
 * @throws TypeError when this version of it keeps them elsewhere, or keeps something else.
 */
export function libraryValuesOf(histogram: Histogram): LibraryHistogramValues {
  const { hashMap } = histogram as unknown as {
    hashMap?: Record<string, Partial<LibraryHistogramValues> | undefined>;
  };
  const [values] = Object.values(hashMap ?? {});
  const { bucketValues, sum, count } = values ?? {};
  if (bucketValues === undefined || typeof sum !== 'number' || typeof count !== 'number') {
    throw new TypeError('prom-client keeps the values of a histogram otherwise than 15.1 does');
  }
  return values as LibraryHistogramValues;
}
