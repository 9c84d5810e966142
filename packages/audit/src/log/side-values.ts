import { createHash } from 'node:crypto';
import { SampleFlag } from '@millrace/model';
import type { DataRecord } from '@millrace/wire';

/** Walks the samples of a record: their ordinals, and what stands beside their columns. */
export class SideValues {
  readonly #record: DataRecord;
  #refused = 0;
  #ids = 0;
  #histograms = 0;
  /** The sample's number in its part before anything was refused. */
  ordinal = -1;
  /** Of the sample at hand, when it has one. */
  id = '';
  histogram: Uint8Array | undefined;

  constructor(record: DataRecord) {
    this.#record = record;
  }

  /** Steps to sample `i`, which follows the last one. */
  next(i: number): void {
    const { refused, flags, ids, histograms } = this.#record;
    this.ordinal += 1;
    while (this.#refused < refused.length && refused[this.#refused] === this.ordinal) {
      this.#refused += 1;
      this.ordinal += 1;
    }
    const flag = flags[i]!;
    this.id = (flag & SampleFlag.id) === 0 ? '' : ids[this.#ids++]!;
    this.histogram =
      (flag & SampleFlag.histogram) === 0 ? undefined : histograms[this.#histograms++];
  }
}

/** A number that stands for a histogram's bytes. */
export function histogramNumber(histogram: Uint8Array): number {
  return createHash('sha256').update(histogram).digest().readUIntBE(0, 6);
}
