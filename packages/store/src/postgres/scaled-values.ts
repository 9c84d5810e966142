import type { HeadSamples } from './head-samples.ts';

/** How the values of one packed row are written. */
export type ValueForm = 'small' | 'large' | 'floats';

const POWERS_OF_TEN = [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
/** Sums of base and element stay integers that a float64 holds exactly. */
const INTEGER_MAX = 2 ** 53 - 2 ** 32;
const SMALL_SPAN = 2 ** 16;
const LARGE_SPAN = 2 ** 32;

/**
 * Finds how the values of some samples can be written as integers: value = (base + element) /
 * divisor, in float64, must give back every one of them bit for bit. Decimals with few digits, as
 * people and programs write them, and counters can; -0, NaN, infinities and most results of
 * divisions cannot. Holds the elements of one row at a time.
 */
export class ScaledValues {
  form: ValueForm = 'floats';
  base = 0;
  divisor = 1;
  /** Of stale samples, which have no value, any. */
  readonly elements: Float64Array;

  constructor(rowsMax: number) {
    this.elements = new Float64Array(rowsMax);
  }

  fit(samples: HeadSamples, rows: Uint32Array, from: number, to: number): void {
    const { elements } = this;
    const divisor = divisorOf(samples, rows, from, to);
    let min = Infinity;
    let max = -Infinity;
    for (let i = from; i < to; i += 1) {
      if (samples.isStale(rows[i]!)) continue;
      const value = samples.values[rows[i]!]!;
      const integer = Math.round(value * divisor);
      if (integer / divisor !== value || Math.abs(integer) > INTEGER_MAX) min = -Infinity;
      elements[i - from] = integer;
      min = Math.min(min, integer);
      max = Math.max(max, integer);
    }
    if (min > max) min = max = 0;
    const span = max - min + 1;
    this.form = span <= SMALL_SPAN ? 'small' : span <= LARGE_SPAN ? 'large' : 'floats';
    this.divisor = divisor;
    this.base = min + (this.form === 'small' ? SMALL_SPAN : LARGE_SPAN) / 2;
    for (let i = from; i < to; i += 1) {
      const row = rows[i]!;
      if (this.form === 'floats') elements[i - from] = samples.values[row]!;
      else elements[i - from] = (samples.isStale(row) ? min : elements[i - from]!) - this.base;
    }
  }
}

/** The smallest power of ten that makes integers of all values; NaN when there is none. */
function divisorOf(samples: HeadSamples, rows: Uint32Array, from: number, to: number): number {
  let digits = 0;
  for (let i = from; i < to; i += 1) {
    if (samples.isStale(rows[i]!)) continue;
    const value = samples.values[rows[i]!]!;
    if (Object.is(value, -0)) return NaN;
    for (; digits < POWERS_OF_TEN.length; digits += 1) {
      const divisor = POWERS_OF_TEN[digits]!;
      if (Math.round(value * divisor) / divisor === value) break;
    }
    if (digits === POWERS_OF_TEN.length) return NaN;
  }
  return POWERS_OF_TEN[digits]!;
}
