/**
 * Counts of neighbouring buckets of one sign. A power-of-two ring: the count of bucket i lies in
 * slot `i & (capacity - 1)`, so that it grows at either end without moving anything.
 */
export class ExponentialBuckets {
  #counts: Float64Array = new Float64Array(0);
  /** Smallest and largest index with a count; there is none while `#max < #min`. */
  #min = 0;
  #max = -1;

  get empty(): boolean {
    return this.#max < this.#min;
  }

  /** How many indices the span would have if `index` were in it. */
  spanWith(index: number): number {
    if (this.empty) return 1;
    return Math.max(this.#max, index) - Math.min(this.#min, index) + 1;
  }

  /** How many indices the two together would span. */
  spanOfUnion(other: ExponentialBuckets): number {
    if (other.empty) return this.#max - this.#min + 1;
    if (this.empty) return other.#max - other.#min + 1;
    return Math.max(this.#max, other.#max) - Math.min(this.#min, other.#min) + 1;
  }

  add(index: number, count: number): void {
    const span = this.spanWith(index);
    if (span > this.#counts.length) this.#grow(span);
    if (this.empty) {
      this.#min = index;
      this.#max = index;
    } else if (index < this.#min) this.#min = index;
    else if (index > this.#max) this.#max = index;
    const slot = index & (this.#counts.length - 1);
    this.#counts[slot] = addCounts(this.#counts[slot]!, count);
  }

  /** Calls with every bucket that has a count, ascending. */
  forEach(call: (index: number, count: number) => void): void {
    for (let index = this.#min; index <= this.#max; index += 1) {
      const count = this.#counts[index & (this.#counts.length - 1)]!;
      if (count > 0) call(index, count);
    }
  }

  /** The same counts at a scale smaller by `levels`. */
  coarser(levels: number): ExponentialBuckets {
    const result = new ExponentialBuckets();
    this.forEach((index, count) => result.add(index >> levels, count));
    return result;
  }

  #grow(span: number): void {
    let capacity = Math.max(8, this.#counts.length);
    while (capacity < span) capacity *= 2;
    const counts = new Float64Array(capacity);
    this.forEach((index, count) => {
      counts[index & (capacity - 1)] = count;
    });
    this.#counts = counts;
  }
}

/** A sum of counts that stops at 2^53 - 1 rather than lose exactness; still order independent. */
export function addCounts(a: number, b: number): number {
  return Math.min(a + b, Number.MAX_SAFE_INTEGER);
}
