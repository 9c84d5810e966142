import { mappedBuffer } from '@millrace/runtime';

/** Which rows belong to one series, series by series. */
export interface SeriesOrder {
  /** Rows by series, in the order of the series' ids; of one series by time. */
  rows: Uint32Array;
  /** Their times and values: side by side they are read at once, row by row from everywhere. */
  times: Float64Array;
  values: Float64Array;
  /** Where in `rows` each series begins; the end of the last one is the end of all. */
  starts: Uint32Array;
}

/**
 * Room in which samples are put in order. It belongs to whoever packs, and not to what waits: that
 * lies in every partition all the time.
 */
export class OrderRoom {
  #rows: Uint32Array = new Uint32Array(0);
  #times: Float64Array = new Float64Array(0);
  #values: Float64Array = new Float64Array(0);

  /** So many rows have room as it is. */
  get rowsMax(): number {
    return this.#rows.length;
  }

  /** Of so many rows; valid until the next call. */
  of(count: number, starts: Uint32Array): SeriesOrder {
    if (this.#rows.length < count) {
      const length = Math.ceil(count * 1.25);
      this.#rows = new Uint32Array(mappedBuffer(4 * length), 0, length);
      this.#times = new Float64Array(mappedBuffer(8 * length), 0, length);
      this.#values = new Float64Array(mappedBuffer(8 * length), 0, length);
    }
    return {
      rows: this.#rows.subarray(0, count),
      times: this.#times.subarray(0, count),
      values: this.#values.subarray(0, count),
      starts,
    };
  }
}
