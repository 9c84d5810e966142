import { TIME_US_MAX, type TimeUs } from '@millrace/model';
import type { Batch } from '@millrace/wire';

const HIGH = 2 ** 32;
const FIRST_CAPACITY = 1024;

/**
 * Times and values of the batch that is being taken, where they can be read as numbers: in a body
 * they lie at any byte. Used from batch to batch.
 */
export class BatchColumns {
  values: Float64Array = new Float64Array(FIRST_CAPACITY);
  times: Float64Array = new Float64Array(FIRST_CAPACITY);
  /** All samples have the first time. */
  isOneTime = false;

  /**
   * Copies both columns; false when one of the samples has to be looked at for itself: it may be
   * the end of a series, or have a time that is not taken.
   */
  take({ samples, columns }: Batch, latestUs: TimeUs): boolean {
    const { view, timesAt, valuesAt, isOneTime } = columns;
    if (samples > this.values.length) this.#grow(samples);
    this.isOneTime = isOneTime;
    const count = isOneTime ? 1 : samples;
    for (let i = 0; i < count; i += 1) {
      const timeUs = timeAt(view, timesAt + 8 * i);
      if (Math.abs(timeUs) > TIME_US_MAX || timeUs > latestUs) return false;
      this.times[i] = timeUs;
    }
    const { values } = this;
    const bytes = new Uint8Array(view.buffer, view.byteOffset + valuesAt, 8 * samples);
    new Uint8Array(values.buffer, 0, 8 * samples).set(bytes);
    for (let i = 0; i < samples; i += 1) if (Number.isNaN(values[i])) return false;
    return true;
  }

  #grow(samples: number): void {
    const capacity = Math.max(samples, 2 * this.values.length);
    this.values = new Float64Array(capacity);
    this.times = new Float64Array(capacity);
  }
}

/** An int64, exact within the times that there are. */
export function timeAt(view: DataView, at: number): TimeUs {
  return view.getInt32(at + 4, true) * HIGH + view.getUint32(at, true);
}
