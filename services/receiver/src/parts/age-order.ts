/** What an `AgeOrder` keeps: it is in one at most, which alone sets these. */
export interface Aging<T> {
  older: T | undefined;
  younger: T | undefined;
}

/**
 * Items in the order in which they were added, each of which may go at any time. A `Set` does the
 * same, but makes itself anew every few hundred changes; what it was before is garbage that knows
 * what was in it and what it became, and all of that outlives the collections of the young: of
 * thousands of requests a second, bodies and all, until the whole heap is looked through.
 */
export class AgeOrder<T extends Aging<T>> {
  #youngest: T | undefined;
  #oldest: T | undefined;

  get oldest(): T | undefined {
    return this.#oldest;
  }

  add(item: T): void {
    item.older = this.#youngest;
    if (this.#youngest === undefined) this.#oldest = item;
    else this.#youngest.younger = item;
    this.#youngest = item;
  }

  /** False when it was not there. */
  remove(item: T): boolean {
    const { older, younger } = item;
    if (older === undefined && this.#oldest !== item) return false;
    if (older === undefined) this.#oldest = younger;
    else older.younger = younger;
    if (younger === undefined) this.#youngest = older;
    else younger.older = older;
    // Garbage that is old already would keep what is younger.
    item.older = undefined;
    item.younger = undefined;
    return true;
  }
}
