import type { StoreSnapshot } from '@millrace/store';
import { SERIES_UNDEFINED } from '@millrace/transformer/fold';

/**
 * Rows that the store could not take, by what it wrote into their dead letters. A sample may arrive
 * again, as a letter that a person sent, and be refused again: so they are counted.
 */
export class RefusedArrivals {
  readonly #left = new Map<string, number>();
  /** Of each partition, letters that were sent again and are there still. */
  readonly redriven: Map<number, number> = new Map();

  static async read(snapshot: StoreSnapshot): Promise<RefusedArrivals> {
    const refused = new RefusedArrivals();
    for await (const letters of snapshot.deadLetters()) {
      for (const { entry, reason, seriesId, timeUs, value, partition, isRedriven } of letters) {
        // What the fold put out as a letter never arrived as a row.
        if (reason === SERIES_UNDEFINED) continue;
        const isHistogram = entry === 'histogram';
        if (isRedriven) refused.redriven.set(partition, (refused.redriven.get(partition) ?? 0) + 1);
        if (seriesId === undefined || timeUs === undefined) continue;
        if (entry !== 'sample' && !isHistogram) continue;
        const id = Buffer.from(seriesId);
        const series = { idHigh: id.readUInt32BE(0), idLow: id.readUInt32BE(4) };
        const key = keyOf({ ...series, timeUs, value: value ?? NaN, isHistogram });
        refused.#left.set(key, (refused.#left.get(key) ?? 0) + 1);
      }
    }
    return refused;
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
