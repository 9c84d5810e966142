import { SampleFlag } from '@millrace/model';
import type { SampleColumns } from '@millrace/wire';
import type { OrderRoom, SeriesOrder } from './order-room.ts';
import { giveRowsBack, RowRoom } from './row-room.ts';
import { orderByIdHigh } from './series-order.ts';

const ROWS_MIN = 1024;
const SERIES_MIN = 256;
/** Room is given back when there is more than so many times what is usual. */
const ROOM_MAX = 8;
/** Bits of a sample that its row has. */
const KEPT_FLAGS = SampleFlag.stale | SampleFlag.unverified;

/**
 * Samples of one partition of the events log as columns, and of which series each of them is. Holds
 * no object for a sample or a series: tens of thousands come and go many times a second.
 */
export class HeadSamples {
  count = 0;
  seriesCount = 0;
  times!: Float64Array;
  values!: Float64Array;
  flags!: Uint8Array;
  /** Of the rows those that lie behind the others, and not here but where they came from. */
  #lent: Readonly<{ samples: SampleColumns; rows: Uint32Array }> | undefined;
  /** Bits that any of them has: most often none, and then they need not be looked at. */
  flagsOfAny = 0;
  #series!: Uint32Array;
  /** What all of these lie in. */
  #room!: RowRoom;
  /** 8 bytes of each series' id, as two halves whose first byte is the lowest. */
  #idHigh = new Uint32Array(SERIES_MIN);
  #idLow = new Uint32Array(SERIES_MIN);
  /** In which call of `add` a series was met last. */
  #lastAddition = new Uint32Array(SERIES_MIN);
  #addition = 0;
  /**
   * By series the one that came behind it: records repeat themselves, and comparing an id costs
   * less than looking for one. A guess: any other number does no harm.
   */
  #followers = new Uint32Array(SERIES_MIN);
  #last = 0;
  /** A series' number plus one, by the low half of its id; open addressing, at most half full. */
  #slots = new Int32Array(4 * SERIES_MIN);
  /** The most that was held lately. */
  #usualRows = 0;
  #usualSeries = 0;

  constructor() {
    this.#lieIn(new RowRoom(ROWS_MIN));
  }

  /** Tells of how many series these are. */
  add(samples: SampleColumns, rows: Uint32Array): number {
    const series = this.meet(samples, rows);
    this.keep();
    return series;
  }

  /**
   * The same, but for the samples themselves: they are looked at where they lie until they are kept
   * or forgotten. What is packed at once need not be copied before it is put in order.
   */
  meet(samples: SampleColumns, rows: Uint32Array): number {
    this.keep();
    if (rows.length === 0) return 0;
    this.#reserveRows(this.count + rows.length);
    this.#lent = { samples, rows };
    this.#addition += 1;
    let added = 0;
    let flagsOfAny = 0;
    const { count } = this;
    const ids = lanesOf(samples.seriesIds);
    for (let i = 0; i < rows.length; i += 1) {
      const row = rows[i]!;
      const series = this.#next(ids[2 * row]!, ids[2 * row + 1]!);
      if (this.#lastAddition[series] !== this.#addition) {
        this.#lastAddition[series] = this.#addition;
        added += 1;
      }
      this.#series[count + i] = series;
      flagsOfAny |= samples.flags[row]!;
    }
    this.flagsOfAny |= flagsOfAny & KEPT_FLAGS;
    this.count = count + rows.length;
    return added;
  }

  /** Takes in what was met. */
  keep(): void {
    if (this.#lent === undefined) return;
    const { samples, rows } = this.#lent;
    const from = this.count - rows.length;
    for (let i = 0; i < rows.length; i += 1) {
      const row = rows[i]!;
      this.times[from + i] = Math.floor(samples.times[row]!);
      this.values[from + i] = samples.values[row]!;
      this.flags[from + i] = samples.flags[row]! & KEPT_FLAGS;
    }
    this.#lent = undefined;
  }

  /** Forgets all samples, and gives room back that was made for many more than are usual. */
  clear(): void {
    this.#usualRows = Math.max(this.count, this.#usualRows >>> 1);
    this.#usualSeries = Math.max(this.seriesCount, this.#usualSeries >>> 1);
    this.#giveBack();
    this.#lent = undefined;
    this.count = 0;
    this.seriesCount = 0;
    this.flagsOfAny = 0;
    this.#last = 0;
    this.#slots.fill(0);
    this.#lastAddition.fill(0);
    this.#addition = 0;
  }

  /** Bytes that all of it takes, used or not. */
  get roomBytes(): number {
    const ofSeries = [this.#idHigh, this.#idLow, this.#lastAddition, this.#followers, this.#slots];
    return ofSeries.reduce((sum, { byteLength }) => sum + byteLength, this.#room.bytes);
  }

  /** Of a series by its number. */
  idHigh(series: number): number {
    return turned(this.#idHigh[series]!);
  }

  idLow(series: number): number {
    return turned(this.#idLow[series]!);
  }

  /** All of them, valid until the room is used again. */
  bySeries(room: OrderRoom): SeriesOrder {
    const { count, seriesCount } = this;
    const numbers = this.#series;
    // Of each series, by its number: how many rows, then where its next one goes.
    const next = new Uint32Array(seriesCount);
    for (let row = 0; row < count; row += 1) next[numbers[row]!]! += 1;
    const starts = new Uint32Array(seriesCount + 1);
    const series = orderByIdHigh(this.#idHigh.subarray(0, seriesCount).map(turned));
    series.forEach((number, place) => {
      starts[place + 1] = starts[place]! + next[number]!;
      next[number] = starts[place]!;
    });
    const order = { ...room.of(count), starts, series };
    this.#putInOrder(order, next);
    for (let i = 0; i < seriesCount; i += 1) sortByTime(order, starts[i]!, starts[i + 1]!);
    return order;
  }

  #putInOrder(order: SeriesOrder, next: Uint32Array): void {
    const { times, values, flags, flagsOfAny } = this;
    const kept = this.count - (this.#lent?.rows.length ?? 0);
    const series = this.#series;
    placeRows(
      order,
      { times, values, flags: flagsOfAny === 0 ? undefined : flags },
      { next, series: series.subarray(0, kept) },
    );
    if (this.#lent === undefined) return;
    const { samples, rows } = this.#lent;
    const lent = {
      times: samples.times,
      values: samples.values,
      flags: flagsOfAny === 0 ? undefined : samples.flags,
    };
    placeRows(order, lent, { next, series: series.subarray(kept, this.count), rows });
  }

  #next(high: number, low: number): number {
    const guess = this.#followers[this.#last]!;
    const isRight =
      guess < this.seriesCount && this.#idLow[guess] === low && this.#idHigh[guess] === high;
    if (isRight) return (this.#last = guess);
    const series = this.#seriesOf(high, low);
    this.#followers[this.#last] = series;
    return (this.#last = series);
  }

  #seriesOf(high: number, low: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      const found = this.#slots[slot]! - 1;
      if (found < 0) return this.#addSeries(slot, high, low);
      if (this.#idLow[found] === low && this.#idHigh[found] === high) return found;
    }
  }

  #addSeries(slot: number, high: number, low: number): number {
    const number = this.seriesCount;
    if (number === this.#idLow.length) {
      this.#growSeries();
      return this.#seriesOf(high, low);
    }
    this.#slots[slot] = number + 1;
    this.#idHigh[number] = high;
    this.#idLow[number] = low;
    this.seriesCount += 1;
    return number;
  }

  #growSeries(): void {
    this.#idHigh = grown(this.#idHigh, new Uint32Array(this.#idHigh.length * 2));
    this.#idLow = grown(this.#idLow, new Uint32Array(this.#idLow.length * 2));
    this.#lastAddition = grown(this.#lastAddition, new Uint32Array(this.#lastAddition.length * 2));
    this.#followers = grown(this.#followers, new Uint32Array(this.#followers.length * 2));
    const slots = new Int32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let number = 0; number < this.seriesCount; number += 1) {
      let slot = this.#idLow[number]! & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = number + 1;
    }
    this.#slots = slots;
  }

  #giveBack(): void {
    const isUnused = this.times.length > ROOM_MAX * Math.max(this.#usualRows, ROWS_MIN);
    if (this.#room.isLarge) {
      giveRowsBack(this.#room);
      this.#lieIn(new RowRoom(ROWS_MIN));
    } else if (isUnused) {
      this.#lieIn(new RowRoom(2 * Math.max(this.#usualRows, ROWS_MIN)));
    }
    if (this.#idLow.length > ROOM_MAX * Math.max(this.#usualSeries, SERIES_MIN)) {
      let length = SERIES_MIN;
      while (length < 2 * this.#usualSeries) length *= 2;
      this.#idHigh = new Uint32Array(length);
      this.#idLow = new Uint32Array(length);
      this.#lastAddition = new Uint32Array(length);
      this.#followers = new Uint32Array(length);
      this.#slots = new Int32Array(4 * length);
    }
  }

  #reserveRows(count: number): void {
    if (count <= this.times.length) return;
    this.#lieIn(this.#room.grown(count, this.count));
  }

  #lieIn(room: RowRoom): void {
    this.#room = room;
    this.times = room.times;
    this.values = room.values;
    this.flags = room.flags;
    this.#series = room.series;
  }
}

/** Each row where the next one of its series goes. */
function placeRows(
  into: SeriesOrder,
  from: Readonly<{ times: Float64Array; values: Float64Array; flags: Uint8Array | undefined }>,
  by: Readonly<{ next: Uint32Array; series: Uint32Array; rows?: Uint32Array }>,
): void {
  const { times, values, flags } = into;
  const { next, series, rows } = by;
  const [fromTimes, fromValues, fromFlags] = [from.times, from.values, from.flags];
  for (let i = 0; i < series.length; i += 1) {
    const row = rows === undefined ? i : rows[i]!;
    const number = series[i]!;
    const place = next[number]!;
    next[number] = place + 1;
    times[place] = Math.floor(fromTimes[row]!);
    values[place] = fromValues[row]!;
    if (fromFlags !== undefined) flags[place] = fromFlags[row]! & KEPT_FLAGS;
  }
}

/** Mostly they are in order already; those of one time stay as they came. */
function sortByTime({ times, values, flags }: SeriesOrder, from: number, to: number): void {
  let at = from + 1;
  while (at < to && times[at]! >= times[at - 1]!) at += 1;
  if (at >= to) return;
  const before = [times, values, flags].map((column) => column.slice(from, to)) as [
    Float64Array,
    Float64Array,
    Uint8Array,
  ];
  const [timesBefore, valuesBefore, flagsBefore] = before;
  const places = Uint32Array.from(timesBefore.keys());
  places.sort((a, b) => timesBefore[a]! - timesBefore[b]! || a - b);
  places.forEach((place, i) => {
    times[from + i] = timesBefore[place]!;
    values[from + i] = valuesBefore[place]!;
    flags[from + i] = flagsBefore[place]!;
  });
}

function grown<T extends Uint32Array | Int32Array>(from: T, into: T): T {
  into.set(from);
  return into;
}

/** Ids of 8 bytes as two halves each; a copy where they do not lie as halves must. */
function lanesOf(ids: Uint8Array): Uint32Array {
  const isAligned = ids.byteOffset % 4 === 0;
  const { buffer, byteOffset, byteLength } = isAligned ? ids : new Uint8Array(ids);
  return new Uint32Array(buffer, byteOffset, byteLength >>> 2);
}

/** The same four bytes, the first as the highest. */
function turned(half: number): number {
  const inner = ((half << 8) & 0xff_0000) | ((half >>> 8) & 0xff00);
  return ((half << 24) | inner | (half >>> 24)) >>> 0;
}
