import { SampleFlag } from '@millrace/model';
import type { Packs } from './pack-samples.ts';

/** Samples in order, of which some are one row. */
type Valued = Pick<Packs, 'values' | 'flags' | 'flagsOfAny'>;

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
  readonly #stale: Uint8Array;

  constructor(rowsMax: number) {
    this.elements = new Float64Array(rowsMax);
    this.#stale = new Uint8Array(rowsMax);
  }

  fit({ values, flags, flagsOfAny }: Valued, from: number, to: number): void {
    const count = to - from;
    const { elements } = this;
    this.#stale.fill(0, 0, count);
    for (let i = flagsOfAny === 0 ? count : 0; i < count; i += 1) {
      if ((flags[from + i]! & SampleFlag.stale) !== 0) this.#stale[i] = 1;
    }
    const divisor = this.#scale(values, from, count);
    let min = Infinity;
    let max = -Infinity;
    for (let i = 0; i < count; i += 1) {
      if (this.#stale[i] !== 0) continue;
      const integer = elements[i]!;
      if (integer < min) min = integer;
      if (integer > max) max = integer;
    }
    if (divisor === undefined || max > INTEGER_MAX || min < -INTEGER_MAX) min = -Infinity;
    if (min > max) min = max = 0;
    const span = max - min + 1;
    this.form = span <= SMALL_SPAN ? 'small' : span <= LARGE_SPAN ? 'large' : 'floats';
    this.divisor = divisor ?? NaN;
    this.base = min + (this.form === 'small' ? SMALL_SPAN : LARGE_SPAN) / 2;
    for (let i = 0; i < count; i += 1) {
      if (this.form === 'floats') elements[i] = values[from + i]!;
      else elements[i] = (this.#stale[i] === 0 ? elements[i]! : min) - this.base;
    }
  }

  /**
   * Makes the elements integers and returns the smallest power of ten by which all values are;
   * undefined when there is none.
   */
  #scale(values: Float64Array, from: number, count: number): number | undefined {
    const { elements } = this;
    let digits = 0;
    let divisor = 1;
    /** Before it elements are by a smaller power. */
    let raisedAt = 0;
    for (let i = 0; i < count; i += 1) {
      if (this.#stale[i] !== 0) continue;
      const value = values[from + i]!;
      if (value === 0 && Object.is(value, -0)) return undefined;
      let integer = Math.round(value * divisor);
      while (integer / divisor !== value) {
        digits += 1;
        if (digits === POWERS_OF_TEN.length) return undefined;
        divisor = POWERS_OF_TEN[digits]!;
        integer = Math.round(value * divisor);
        raisedAt = i;
      }
      elements[i] = integer;
    }
    for (let i = 0; i < raisedAt; i += 1) {
      if (this.#stale[i] !== 0) continue;
      const value = values[from + i]!;
      const integer = Math.round(value * divisor);
      if (integer / divisor !== value) return undefined;
      elements[i] = integer;
    }
    return divisor;
  }
}
