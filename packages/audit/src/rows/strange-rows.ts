import { SeriesTable } from '../series-table.ts';
import type { FoundRow } from './found-row.ts';

/** Rows of series that no record of the log has: how many of each, and the newest of them. */
export class StrangeRows {
  readonly #series = new SeriesTable();
  #counts: Float64Array = new Float64Array(1024);
  readonly #newest: FoundRow[] = [];

  get size(): number {
    return this.#series.size;
  }

  add(row: FoundRow): void {
    const { idHigh, idLow } = row;
    let slot = this.#series.find(idHigh, idLow);
    if (slot < 0) {
      slot = this.#series.add(idHigh, idLow, { partition: 0, record: 0, tenant: 0 });
      this.#newest[slot] = row;
      if (slot >= this.#counts.length) this.#grow();
    } else if (row.timeUs > this.#newest[slot]!.timeUs) this.#newest[slot] = row;
    this.#counts[slot]! += 1;
  }

  /** The newest row of a series, and how many it has; undefined: it is not strange. */
  find(
    idHigh: number,
    idLow: number,
  ): { slot: number; newest: FoundRow; rows: number } | undefined {
    const slot = this.#series.find(idHigh, idLow);
    return slot < 0 ? undefined : this.at(slot);
  }

  at(slot: number): { slot: number; newest: FoundRow; rows: number } {
    return { slot, newest: this.#newest[slot]!, rows: this.#counts[slot]! };
  }

  #grow(): void {
    const counts = new Float64Array(2 * this.#counts.length);
    counts.set(this.#counts);
    this.#counts = counts;
  }
}
