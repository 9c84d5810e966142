import { SampleFlag } from '@millrace/model';
import type { HistogramRowColumns, SampleRowColumns } from '@millrace/store';
import type { Entries } from '@millrace/wire';
import type { RefusedArrivals } from '../letters/refused-arrivals.ts';
import { histogramNumber } from '../log/side-values.ts';
import type { KeptRows } from '../kept-rows.ts';
import { SeriesTable } from '../series-table.ts';
import type { SliceOf } from './expected-samples.ts';

const NOTHING = -1;

/** Times in [fromUs, untilUs); infinities are legal. */
export interface TimeScope {
  fromUs: number;
  untilUs: number;
}

/** Series of which every row has to be looked at. */
export interface DoubtfulSeries {
  /** Expected rows of them. */
  samples: number;
  has(idHigh: number, idLow: number): boolean;
}

/**
 * Whether the rows of each series are those that the fold puts out, without holding any of them: a
 * digest of each expected row is added, that of each row that is there is taken away, and nothing
 * must be left. A series of which more than that decides is doubtful from the start: what is
 * inserted only if absent, or was refused, or lies where rows of before may lie.
 */
export class RowSums {
  readonly #of: SliceOf;
  /** Rows of a partition older than this may come from before the log. */
  readonly #exactFromUs: readonly number[];
  readonly #leastExactUs: number;
  /** Rows of other times are not looked at: those before may be past their retention. */
  readonly #scope: TimeScope;
  readonly #kept: KeptRows;
  readonly #series = new SeriesTable();
  /** Digests in two lanes, and counts, by series. */
  #lanes: Int32Array = new Int32Array(4 * 1024);
  #doubtful: Uint8Array = new Uint8Array(1024);
  /** By series, the one that came behind it before: senders repeat themselves. A guess. */
  #follower: Int32Array = new Int32Array(1024).fill(NOTHING);
  #last = NOTHING;
  #partition = 0;
  #hasStrange = false;
  rows = 0;

  constructor(
    of: SliceOf,
    params: Readonly<{
      exactFromUs: readonly number[];
      scope: TimeScope;
      kept: KeptRows;
      refused: RefusedArrivals;
    }>,
  ) {
    const { exactFromUs, scope, refused } = params;
    this.#of = of;
    this.#exactFromUs = exactFromUs;
    this.#scope = scope;
    this.#kept = params.kept;
    this.#leastExactUs = Math.min(...exactFromUs, Infinity);
    for (const [idHigh, idLow] of refused.series()) {
      this.#doubtful[this.#slotOf(idHigh, idLow)] = 1;
    }
  }

  begin(partition: number): void {
    this.#partition = partition;
  }

  take({ samples, histograms }: Entries): void {
    const { slices, slice } = this.#of;
    const { seriesIds, times, values, flags, count } = samples;
    const view = new DataView(seriesIds.buffer, seriesIds.byteOffset, seriesIds.byteLength);
    for (let i = 0; i < count; i += 1) {
      const idLow = view.getUint32(8 * i + 4);
      if (slices > 1 && idLow % slices !== slice) continue;
      this.#expect(view.getUint32(8 * i), idLow, times[i]!, values[i]!, flags[i]!);
    }
    for (const { fingerprint, timeUs, flags: some, histogram } of histograms) {
      const id = Buffer.from(fingerprint);
      const idLow = id.readUInt32BE(4);
      if (slices > 1 && idLow % slices !== slice) continue;
      const flag = some | SampleFlag.histogram;
      this.#expect(id.readUInt32BE(0), idLow, timeUs, histogramNumber(histogram), flag);
    }
  }

  samples(rows: SampleRowColumns): void {
    for (let i = 0; i < rows.count; i += 1) this.#row(rows, i, rows.values[i]!, rows.flags[i]!);
    this.rows += rows.count;
  }

  histograms(rows: HistogramRowColumns): void {
    for (let i = 0; i < rows.count; i += 1) {
      const value = rows.absent[i] === 0 ? histogramNumber(rows.histograms[i]!) : NaN;
      this.#row(rows, i, value, rows.flags[i]! | SampleFlag.histogram);
    }
    this.rows += rows.count;
  }

  /** After all rows of the scope. Undefined: they are what the log says. */
  doubtful(): DoubtfulSeries | undefined {
    const lanes = this.#lanes;
    let samples = 0;
    let isAny = this.#hasStrange;
    for (let slot = 0; slot < this.#series.size; slot += 1) {
      const at = 4 * slot;
      const isRight = (lanes[at]! | lanes[at + 1]! | lanes[at + 2]!) === 0;
      if (isRight && this.#doubtful[slot] === 0) continue;
      this.#doubtful[slot] = 1;
      isAny = true;
      samples += lanes[at + 3]!;
    }
    if (!isAny) return undefined;
    return {
      samples,
      has: (idHigh, idLow) => {
        const slot = this.#series.find(idHigh, idLow);
        return slot < 0 || this.#doubtful[slot] === 1;
      },
    };
  }

  #expect(idHigh: number, idLow: number, timeUs: number, value: number, flags: number): void {
    if (timeUs < this.#scope.fromUs || timeUs >= this.#scope.untilUs) return;
    if (timeUs < this.#kept.rawFromUs(idHigh, idLow)) return;
    const slot = this.#slotOf(idHigh, idLow);
    this.#lanes[4 * slot + 3]! += 1;
    const isUnverified = (flags & SampleFlag.unverified) !== 0;
    if (isUnverified || timeUs < this.#exactFromUs[this.#partition]!) this.#doubtful[slot] = 1;
    else this.#add(slot, timeUs, value, flags, 1);
  }

  #row(rows: SampleRowColumns, i: number, value: number, flags: number): void {
    const timeUs = rows.times[i]!;
    if (timeUs < this.#kept.rawFromUs(rows.idHigh[i]!, rows.idLow[i]!)) return;
    const slot = this.#find(rows.idHigh[i]!, rows.idLow[i]!);
    if (slot < 0) {
      if (timeUs >= this.#leastExactUs) this.#hasStrange = true;
      return;
    }
    if (timeUs < this.#exactFromUs[this.#series.partitions[slot]!]!) return;
    // A stale row has no value, and every other one has.
    const isStale = (flags & SampleFlag.stale) !== 0;
    const isOdd = isStale !== (rows.absent[i] === 1) || (flags & SampleFlag.unverified) !== 0;
    if (isOdd) this.#doubtful[slot] = 1;
    else this.#add(slot, timeUs, value, flags, -1);
  }

  #add(slot: number, timeUs: number, value: number, flags: number, sign: 1 | -1): void {
    const kind = flags & (SampleFlag.stale | SampleFlag.histogram);
    numbers[0] = timeUs;
    // A stale one has none, whatever stands there; and every NaN is the same one.
    numbers[1] = value !== value || (flags & SampleFlag.stale) !== 0 ? NaN : value;
    let high = Math.imul(words[0]! ^ words[2]! ^ kind, 0x9e3779b1);
    let low = Math.imul(words[1]! ^ (high >>> 15), 0x85ebca6b) ^ words[3]!;
    high = Math.imul(high ^ (low >>> 13) ^ words[2]!, 0xc2b2ae35);
    low = Math.imul(low ^ (high >>> 16), 0x7feb352d);
    high = Math.imul(high ^ (low >>> 14), 0x846ca68b);
    low ^= low >>> 15;
    const lanes = this.#lanes;
    lanes[4 * slot]! += sign * (high ^ (high >>> 16));
    lanes[4 * slot + 1]! += sign * low;
    lanes[4 * slot + 2]! += sign;
  }

  #slotOf(idHigh: number, idLow: number): number {
    const known = this.#find(idHigh, idLow);
    if (known >= 0) return known;
    const first = { partition: this.#partition, record: 0, tenant: 0 };
    const slot = this.#series.add(idHigh, idLow, first);
    if (slot >= this.#doubtful.length) this.#grow();
    return (this.#last = slot);
  }

  #find(idHigh: number, idLow: number): number {
    const series = this.#series;
    const last = this.#last;
    if (last >= 0) {
      // Rows of a packed one follow one another.
      if (series.idLow[last] === idLow && series.idHigh[last] === idHigh) return last;
      const guess = this.#follower[last]!;
      if (guess >= 0 && series.idLow[guess] === idLow && series.idHigh[guess] === idHigh) {
        return (this.#last = guess);
      }
    }
    const slot = series.find(idHigh, idLow);
    if (slot < 0) return slot;
    if (last >= 0) this.#follower[last] = slot;
    return (this.#last = slot);
  }

  #grow(): void {
    const room = 2 * this.#doubtful.length;
    const lanes = new Int32Array(4 * room);
    const doubtful = new Uint8Array(room);
    const follower = new Int32Array(room).fill(NOTHING);
    lanes.set(this.#lanes);
    doubtful.set(this.#doubtful);
    follower.set(this.#follower);
    [this.#lanes, this.#doubtful, this.#follower] = [lanes, doubtful, follower];
  }
}

const numbers = new Float64Array(2);
const words = new Int32Array(numbers.buffer);
