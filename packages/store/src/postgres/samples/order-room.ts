import { mappedBuffer } from '@millrace/runtime';

/**
 * Samples series by series, in the order of the series' ids; of one series by time. Side by side
 * they are read at once, from wherever they came.
 */
export interface SeriesOrder {
  times: Float64Array;
  values: Float64Array;
  /** Bits of each, where any has some. */
  flags: Uint8Array;
  /** Numbers of the series in this order, … */
  series: Uint32Array;
  /** … and where each begins; the end of the last one is the end of all. */
  starts: Uint32Array;
}

/**
 * Room in which samples are put in order. It belongs to whoever packs, and not to what waits: that
 * lies in every partition all the time.
 */
export class OrderRoom {
  #times: Float64Array = new Float64Array(0);
  #values: Float64Array = new Float64Array(0);
  #flags: Uint8Array = new Uint8Array(0);

  /** So many rows have room as it is. */
  get rowsMax(): number {
    return this.#times.length;
  }

  /** Of so many rows; valid until the next call. */
  of(count: number): Pick<SeriesOrder, 'times' | 'values' | 'flags'> {
    if (this.#times.length < count) {
      const length = Math.ceil(count * 1.25);
      this.#times = new Float64Array(mappedBuffer(8 * length), 0, length);
      this.#values = new Float64Array(mappedBuffer(8 * length), 0, length);
      this.#flags = new Uint8Array(mappedBuffer(length), 0, length);
    }
    return {
      times: this.#times.subarray(0, count),
      values: this.#values.subarray(0, count),
      flags: this.#flags.subarray(0, count),
    };
  }
}
