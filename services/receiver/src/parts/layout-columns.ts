import type { TimeUs } from '@millrace/model';
import type { Batch, ExpectedRun } from '@millrace/wire';
import { isUndoubted } from './undoubted-time.ts';
import type { SeriesNumber } from '../series/series-table.ts';

const HIGH = 2 ** 32;
const FIRST_CAPACITY = 1024;

/** A sample with nothing beside it. */
export interface PlainSample {
  readonly series: SeriesNumber;
  readonly timeUs: TimeUs;
  readonly value: number;
}

/**
 * Times and values of the request that is being taken, where they can be read as numbers: in a
 * body they lie at any byte. Used from request to request.
 */
export class LayoutColumns {
  values: Float64Array = new Float64Array(FIRST_CAPACITY);
  times: Float64Array = new Float64Array(FIRST_CAPACITY);
  /** All samples have the first time. */
  isOneTime = false;

  /**
   * Copies those of a batch; false when one of the samples has to be looked at for itself: it may
   * be the end of a series, or have a time that is not taken.
   */
  takeBatch({ samples, columns }: Batch, latestUs: TimeUs): boolean {
    const { view, timesAt, valuesAt, isOneTime } = columns;
    if (samples > this.values.length) this.#grow(samples);
    this.isOneTime = isOneTime;
    const count = isOneTime ? 1 : samples;
    for (let i = 0; i < count; i += 1) {
      const timeUs = timeAt(view, timesAt + 8 * i);
      if (!isUndoubted(timeUs, latestUs)) return false;
      this.times[i] = timeUs;
    }
    const { values } = this;
    const bytes = new Uint8Array(view.buffer, view.byteOffset + valuesAt, 8 * samples);
    new Uint8Array(values.buffer, 0, 8 * samples).set(bytes);
    for (let i = 0; i < samples; i += 1) if (Number.isNaN(values[i])) return false;
    return true;
  }

  /** Copies a sample and the run behind it; false when one of the times is not taken. */
  takeRun(first: PlainSample, run: ExpectedRun, latestUs: TimeUs): boolean {
    const count = run.samples;
    if (count >= this.values.length) this.#grow(count + 1);
    const { timesUs } = run;
    const { timeUs } = first;
    let [differ, doubted] = [0, isUndoubted(timeUs, latestUs) ? 0 : 1];
    for (let i = 0; i < count; i += 1) {
      const one = timesUs[i]!;
      if (one !== timeUs) differ += 1;
      if (!isUndoubted(one, latestUs)) doubted += 1;
    }
    if (doubted > 0) return false;
    this.isOneTime = differ === 0;
    this.times[0] = timeUs;
    if (differ > 0) this.times.set(timesUs.subarray(0, count), 1);
    this.values[0] = first.value;
    this.values.set(run.values.subarray(0, count), 1);
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
