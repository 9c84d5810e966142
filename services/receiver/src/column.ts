import type { DataRecord, ExpectedRun } from '@millrace/wire';
import type { LayoutColumns } from './layout-columns.ts';
import type { LayoutPart } from './layouts.ts';

/** Columns that grow and are used again, so that a record costs no allocation per sample. */

const FIRST_CAPACITY = 256;

export class ByteColumn {
  data: Uint8Array = new Uint8Array(FIRST_CAPACITY);
  length = 0;

  push(value: number): void {
    if (this.length === this.data.length) this.#grow(this.length + 1);
    this.data[this.length] = value;
    this.length += 1;
  }

  /** Appends `bytes[start, end)`. */
  append(bytes: Uint8Array, start: number, end: number): void {
    const length = this.length + end - start;
    if (length > this.data.length) this.#grow(length);
    const { data } = this;
    // A view costs more than the loop for the short names and values that labels are.
    if (end - start > 64) data.set(bytes.subarray(start, end), this.length);
    else
      for (let from = start, to = this.length; from < end; from += 1, to += 1) {
        data[to] = bytes[from]!;
      }
    this.length = length;
  }

  view(): Uint8Array {
    return this.data.subarray(0, this.length);
  }

  #grow(length: number): void {
    const grown = new Uint8Array(Math.max(length, this.data.length * 2));
    grown.set(this.data);
    this.data = grown;
  }
}

export class Uint32Column {
  data: Uint32Array = new Uint32Array(FIRST_CAPACITY);
  length = 0;

  push(value: number): void {
    if (this.length === this.data.length) {
      const grown = new Uint32Array(this.data.length * 2);
      grown.set(this.data);
      this.data = grown;
    }
    this.data[this.length] = value;
    this.length += 1;
  }

  /** Makes room for `count` values more, which the caller writes; returns where they start. */
  reserve(count: number): number {
    const at = this.length;
    this.length = at + count;
    if (this.length > this.data.length) {
      const grown = new Uint32Array(Math.max(this.length, this.data.length * 2));
      grown.set(this.data);
      this.data = grown;
    }
    return at;
  }

  append(values: Uint32Array): void {
    const at = this.reserve(values.length);
    this.data.set(values, at);
  }

  view(): Uint32Array {
    return this.data.subarray(0, this.length);
  }

  /** Empty, and as small as in the beginning. */
  reset(): void {
    this.data = new Uint32Array(FIRST_CAPACITY);
    this.length = 0;
  }
}

/** Times and values of samples that come by number. */
export type SampleColumns = Readonly<Pick<ExpectedRun, 'timesUs' | 'values'>>;

/** The columns that every sample has a value in. */
export class PartColumns {
  length = 0;
  #seriesIndex = new Uint32Array(FIRST_CAPACITY);
  #times = new Float64Array(FIRST_CAPACITY);
  #values = new Float64Array(FIRST_CAPACITY);
  #flags = new Uint8Array(FIRST_CAPACITY);

  push(row: number, timeUs: number, value: number, flags: number): void {
    const at = this.length;
    if (at === this.#flags.length) this.#grow();
    this.#seriesIndex[at] = row;
    this.#times[at] = timeUs;
    this.#values[at] = value;
    this.#flags[at] = flags;
    this.length = at + 1;
  }

  /** As `push`, of the value number `i` of columns. */
  pushOf(row: number, { timesUs, values }: SampleColumns, i: number): void {
    const at = this.length;
    if (at === this.#flags.length) this.#grow();
    this.#seriesIndex[at] = row;
    this.#times[at] = timesUs[i]!;
    this.#values[at] = values[i]!;
    this.#flags[at] = 0;
    this.length = at + 1;
  }

  /** As `push` for each sample of a part, with no flags. */
  fill({ ordinals, rows }: LayoutPart, { values, times, isOneTime }: LayoutColumns): void {
    const at = this.length;
    const end = at + ordinals.length;
    while (end > this.#flags.length) this.#grow();
    this.length = end;
    this.#seriesIndex.set(rows, at);
    this.#flags.fill(0, at, end);
    pick(values, ordinals, this.#values, at);
    if (isOneTime) this.#times.fill(times[0]!, at, end);
    else pick(times, ordinals, this.#times, at);
  }

  /** Views that are valid until the next `push` after `length` was set back. */
  view(): SampleViews {
    const { length } = this;
    return {
      seriesIndex: this.#seriesIndex.subarray(0, length),
      times: this.#times.subarray(0, length),
      values: this.#values.subarray(0, length),
      flags: this.#flags.subarray(0, length),
    };
  }

  #grow(): void {
    const capacity = this.#flags.length * 2;
    const { seriesIndex, times, values, flags } = this.view();
    this.#seriesIndex = new Uint32Array(capacity);
    this.#seriesIndex.set(seriesIndex);
    this.#times = new Float64Array(capacity);
    this.#times.set(times);
    this.#values = new Float64Array(capacity);
    this.#values.set(values);
    this.#flags = new Uint8Array(capacity);
    this.#flags.set(flags);
  }
}

export type SampleViews = Pick<DataRecord, 'seriesIndex' | 'times' | 'values' | 'flags'>;

/** Those of `from` with these numbers, one behind the other. */
function pick(from: Float64Array, numbers: Uint32Array, into: Float64Array, at: number): void {
  for (let i = 0; i < numbers.length; i += 1) into[at + i] = from[numbers[i]!]!;
}
