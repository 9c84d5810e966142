/**
 * Rows that the store could not take, by what it wrote into their dead letters. A sample may arrive
 * again, as a letter that a person sent, and be refused again: so they are counted.
 */
export class RefusedArrivals {
  readonly #left = new Map<string, number>();

  add(arrival: Arrival): void {
    const key = keyOf(arrival);
    this.#left.set(key, (this.#left.get(key) ?? 0) + 1);
  }

  /** Of which series there are any left. */
  *series(): Iterable<[idHigh: number, idLow: number]> {
    for (const key of this.#left.keys()) {
      const [idHigh, idLow] = key.split(' ');
      yield [Number(idHigh), Number(idLow)];
    }
  }

  /** Whether an arrival was refused; the next one of the same may not have been. */
  take(arrival: Arrival): boolean {
    if (this.#left.size === 0) return false;
    const key = keyOf(arrival);
    const left = this.#left.get(key) ?? 0;
    if (left > 1) this.#left.set(key, left - 1);
    else this.#left.delete(key);
    return left > 0;
  }
}

interface Arrival {
  idHigh: number;
  idLow: number;
  timeUs: number;
  value: number;
  isHistogram: boolean;
}

/** Letters of histograms name no value: there is one of each time. */
function keyOf({ idHigh, idLow, timeUs, value, isHistogram }: Arrival): string {
  return `${idHigh} ${idLow} ${timeUs} ${isHistogram ? 'histogram' : String(value)}`;
}
