import type { DataRecord, ExpectedRun } from '@millrace/wire';
import type { LayoutColumns } from './layout-columns.ts';
import type { LayoutPart } from './layout.ts';

/** Samples of most parts; of those of more it grows. */
const FIRST_CAPACITY = 256;

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
