import { SampleFlag, type TimeUs } from '@millrace/model';
import type { SampleRowColumns } from '../../reader-rows.ts';
import type { CopyOutRows } from '../connection/copy-out-rows.ts';
import { columnsOf, withRoom } from './sample-columns.ts';

/** Samples of the packs that a socket gives at once, about. */
const SAMPLES_MIN = 16_384;

/**
 * Rows of `samples_packed` as the samples that the view `samples` makes of them, whatever stands
 * there. Read one by one from the view, samples cost the database and us several times as much as
 * folding them again did. The contract suite of readers holds both against one another.
 */
export class PackedColumns {
  readonly #offsets = new Elements();
  readonly #small = new Elements();
  readonly #large = new Elements();
  readonly #floats = new Elements();
  readonly #stale = new Elements();
  readonly #unverified = new Elements();
  readonly #fromUs: TimeUs;
  readonly #untilUs: TimeUs;

  /** Samples with times in [fromUs, untilUs): a pack may have others as well. */
  constructor({ fromUs, untilUs }: Readonly<{ fromUs: TimeUs; untilUs: TimeUs }>) {
    this.#fromUs = fromUs;
    this.#untilUs = untilUs;
  }

  /** All samples of the rows that are here. */
  take(rows: CopyOutRows): SampleRowColumns {
    let columns = columnsOf(SAMPLES_MIN);
    while (rows.next()) columns = this.#takePack(rows, columns);
    return columns;
  }

  #takePack(rows: CopyOutRows, given: SampleRowColumns): SampleRowColumns {
    rows.field();
    const [high, low] = [rows.high(), rows.low()];
    rows.field();
    const startUs = rows.timeUs();
    const step = rows.field() ? rows.int32() : NaN;
    const base = rows.field() ? rows.bigint64() : undefined;
    const divisor = rows.field() ? rows.int32() : NaN;
    const [offsets, small, large] = [this.#offsets, this.#small, this.#large];
    const floats = this.#floats;
    for (const one of [offsets, small, large, floats]) one.read(rows);
    this.#stale.read(rows);
    this.#unverified.read(rows);
    const count = Math.max(offsets.length, small.length, large.length, floats.length);
    let columns = given;
    for (let i = 0; i < count; i += 1) {
      const timeUs = startUs + (offsets.has(i) ? offsets.numbers[i]! : i * step);
      // As in SQL: a time that is none is in no range.
      if (!(timeUs >= this.#fromUs && timeUs < this.#untilUs)) continue;
      columns = withRoom(columns);
      const at = columns.count;
      columns.count += 1;
      columns.times[at] = timeUs;
      columns.idHigh[at] = high;
      columns.idLow[at] = low;
      const isStale = this.#stale.includes(i + 1);
      const isUnverified = this.#unverified.includes(i + 1);
      columns.flags[at] =
        (isStale ? SampleFlag.stale : 0) | (isUnverified ? SampleFlag.unverified : 0);
      const scaled = small.has(i) ? small : large.has(i) ? large : undefined;
      const isScaled = scaled !== undefined && base !== undefined && divisor === divisor;
      const isThere = !isStale && (isScaled || floats.has(i));
      columns.absent[at] = isThere ? 0 : 1;
      if (!isThere) columns.values[at] = NaN;
      else if (isScaled) columns.values[at] = sumOf(base, scaled.numbers[i]!) / divisor;
      else columns.values[at] = floats.numbers[i]!;
    }
    return columns;
  }
}

/** Of 64 bits, rounded once: what packs are made of is exact in any case. */
function sumOf(base: number | bigint, element: number): number {
  return typeof base === 'number' ? base + element : Number(base + BigInt(element));
}

/** The elements of an array of numbers, of which some may be NULL; none of NULL itself. */
class Elements {
  length = 0;
  numbers = new Float64Array(256);
  #absent = new Uint8Array(256);
  #hasAbsent = false;

  read(rows: CopyOutRows): void {
    this.length = 0;
    this.#hasAbsent = false;
    if (!rows.field()) return;
    const count = rows.arrayLength();
    if (count > this.numbers.length) {
      this.numbers = new Float64Array(2 * count);
      this.#absent = new Uint8Array(2 * count);
    }
    for (let i = 0; i < count; i += 1) {
      const isThere = rows.field();
      this.numbers[i] = isThere ? rows.number() : NaN;
      this.#absent[i] = isThere ? 0 : 1;
      this.#hasAbsent ||= !isThere;
    }
    this.length = count;
  }

  has(i: number): boolean {
    return i < this.length && (!this.#hasAbsent || this.#absent[i] === 0);
  }

  includes(number: number): boolean {
    for (let i = 0; i < this.length; i += 1) if (this.numbers[i] === number) return true;
    return false;
  }
}
