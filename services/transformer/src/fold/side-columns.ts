import { SampleFlag } from '@millrace/model';
import type { DataRecord } from '@millrace/wire';

/** Walks the samples of a record in turn: their ordinals, and what stands in side columns. */
export class SideColumns {
  readonly #record: DataRecord;
  #refused = 0;
  #ids = 0;
  #starts = 0;
  #histograms = 0;
  /** The sample's number within its part before admission. */
  ordinal = -1;

  constructor(record: DataRecord) {
    this.#record = record;
  }

  /** Moves on to sample `i`, the one after the last. */
  next(i: number): void {
    const { refused, flags: all } = this.#record;
    this.ordinal += 1;
    while (refused[this.#refused] === this.ordinal) {
      this.#refused += 1;
      this.ordinal += 1;
    }
    const flags = all[i]!;
    if (flags === 0) return;
    if ((flags & SampleFlag.id) !== 0) this.#ids += 1;
    if ((flags & SampleFlag.start) !== 0) this.#starts += 1;
    if ((flags & SampleFlag.histogram) !== 0) this.#histograms += 1;
  }

  /** Legal only when the sample has the flag; so are the two below. */
  get id(): string {
    return this.#record.ids[this.#ids - 1]!;
  }

  get startUs(): number {
    return this.#record.startTimes[this.#starts - 1]!;
  }

  /** It shares memory with the record. */
  get histogram(): Uint8Array {
    return this.#record.histograms[this.#histograms - 1]!;
  }
}
