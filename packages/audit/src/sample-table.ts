/** What an entry of the table stands for: part of its key. */
export const EntryKind = {
  /** One of its series and time, whatever its value. */
  sample: 0,
  histogram: 1,
  /** Of events there may be many of one series and time: the value belongs to the key. */
  event: 2,
  eventHistogram: 3,
} as const;
export type EntryKind = (typeof EntryKind)[keyof typeof EntryKind];

const KIND_BITS = 3;
const STALE_BIT = 4;
/** Its time was taken when it came, and it got a later one: see `PartitionCount`. */
const MOVED_BIT = 8;
/** It came without a time of its own. */
const UNTIMED_BIT = 16;
/** Its row says that it could not be told from others when it came. */
const UNVERIFIED_BIT = 32;
/** Its row must say so. */
const MUST_SAY_BIT = 64;
/** It came again, and its row may be of either arrival. */
const AGAIN_BIT = 128;

const COUNT_MAX = 0xffff;
const ROOM_MIN = 1024;

/** One entry as it is added. */
export interface NewEntry {
  series: number;
  kind: EntryKind;
  timeUs: number;
  /** NaN when stale; of a histogram, a number that stands for its bytes. */
  value: number;
  stale: boolean;
  /** Number of the record that brought it first. */
  record: number;
}

/**
 * All samples of a log that differ from one another, and how many rows each of them must and may
 * have: an open-addressing hash table over typed arrays, because there are tens of millions. About
 * 40 bytes each.
 */
export class SampleTable {
  #index: Uint32Array;
  #mask: number;
  #size = 0;
  series: Uint32Array;
  times: Float64Array;
  values: Float64Array;
  records: Uint32Array;
  #bits: Uint8Array;
  /** Rows there must be, may be beside, and were found; they stop counting at 65,535. */
  must: Uint16Array;
  may: Uint16Array;
  seen: Uint16Array;
  /** Of entries that came again as dead letters and could have got a row then: how often. */
  readonly redrives: Map<number, number> = new Map();

  constructor(expected: number) {
    const room = Math.max(ROOM_MIN, expected);
    this.#index = new Uint32Array(indexLength(room));
    this.#mask = this.#index.length - 1;
    this.series = new Uint32Array(room);
    this.times = new Float64Array(room);
    this.values = new Float64Array(room);
    this.records = new Uint32Array(room);
    this.#bits = new Uint8Array(room);
    this.must = new Uint16Array(room);
    this.may = new Uint16Array(room);
    this.seen = new Uint16Array(room);
  }

  get size(): number {
    return this.#size;
  }

  kind(entry: number): EntryKind {
    return (this.#bits[entry]! & KIND_BITS) as EntryKind;
  }

  isStale(entry: number): boolean {
    return (this.#bits[entry]! & STALE_BIT) !== 0;
  }

  isMoved(entry: number): boolean {
    return (this.#bits[entry]! & MOVED_BIT) !== 0;
  }

  setMoved(entry: number): void {
    this.#bits[entry]! |= MOVED_BIT;
  }

  isUntimed(entry: number): boolean {
    return (this.#bits[entry]! & UNTIMED_BIT) !== 0;
  }

  setUntimed(entry: number): void {
    this.#bits[entry]! |= UNTIMED_BIT;
  }

  isUnverified(entry: number): boolean {
    return (this.#bits[entry]! & UNVERIFIED_BIT) !== 0;
  }

  setUnverified(entry: number): void {
    this.#bits[entry]! |= UNVERIFIED_BIT;
  }

  mustSayUnverified(entry: number): boolean {
    return (this.#bits[entry]! & MUST_SAY_BIT) !== 0;
  }

  setMustSayUnverified(entry: number): void {
    this.#bits[entry]! |= MUST_SAY_BIT;
  }

  hasComeAgain(entry: number): boolean {
    return (this.#bits[entry]! & AGAIN_BIT) !== 0;
  }

  setComeAgain(entry: number): void {
    this.#bits[entry]! |= AGAIN_BIT;
  }

  /** The entry, or -1. */
  find(series: number, kind: EntryKind, timeUs: number, value: number): number {
    const index = this.#index;
    const mask = this.#mask;
    for (let i = hashOf(series, kind, timeUs, value) & mask; ; i = (i + 1) & mask) {
      const entry = index[i]! - 1;
      if (entry < 0) return -1;
      if (
        this.times[entry] === timeUs &&
        this.series[entry] === series &&
        (this.#bits[entry]! & KIND_BITS) === kind &&
        (kind < EntryKind.event || Object.is(this.values[entry], value))
      ) {
        return entry;
      }
    }
  }

  /** Adds an entry that is not there; it has no rows yet. */
  add({ series, kind, timeUs, value, stale, record }: NewEntry): number {
    if (this.#size === this.times.length) this.#grow();
    const entry = this.#size;
    this.#size += 1;
    this.series[entry] = series;
    this.times[entry] = timeUs;
    this.values[entry] = value;
    this.records[entry] = record;
    this.#bits[entry] = kind | (stale ? STALE_BIT : 0);
    this.#place(entry);
    return entry;
  }

  /** Counts one more row in one of the columns. */
  count(column: Uint16Array, entry: number): void {
    const count = column[entry]!;
    if (count < COUNT_MAX) column[entry] = count + 1;
  }

  #place(entry: number): void {
    const kind = this.#bits[entry]! & KIND_BITS;
    const hash = hashOf(this.series[entry]!, kind, this.times[entry]!, this.values[entry]!);
    let i = hash & this.#mask;
    while (this.#index[i] !== 0) i = (i + 1) & this.#mask;
    this.#index[i] = entry + 1;
  }

  #grow(): void {
    const room = Math.ceil(this.times.length * 1.5);
    this.series = copied(new Uint32Array(room), this.series);
    this.times = copied(new Float64Array(room), this.times);
    this.values = copied(new Float64Array(room), this.values);
    this.records = copied(new Uint32Array(room), this.records);
    this.#bits = copied(new Uint8Array(room), this.#bits);
    this.must = copied(new Uint16Array(room), this.must);
    this.may = copied(new Uint16Array(room), this.may);
    this.seen = copied(new Uint16Array(room), this.seen);
    if (indexLength(room) <= this.#index.length) return;
    this.#index = new Uint32Array(indexLength(room));
    this.#mask = this.#index.length - 1;
    for (let entry = 0; entry < this.#size; entry += 1) this.#place(entry);
  }
}

function copied<T extends Uint8Array | Uint16Array | Uint32Array | Float64Array>(
  into: T,
  from: T,
): T {
  into.set(from);
  return into;
}

/** A power of two; at most three quarters full. */
function indexLength(room: number): number {
  return 2 ** Math.ceil(Math.log2((room * 4) / 3));
}

const valueBits = new Uint32Array(2);
const valueOf = new Float64Array(valueBits.buffer);

function hashOf(series: number, kind: number, timeUs: number, value: number): number {
  let hash = Math.imul(series ^ (kind << 30), 0x9e3779b1);
  hash = Math.imul(hash ^ (timeUs | 0), 0x85ebca6b);
  hash ^= hash >>> 15;
  hash = Math.imul(hash ^ Math.floor(timeUs / 0x1_0000_0000), 0xc2b2ae35);
  if (kind >= EntryKind.event) {
    // Every NaN is the same one.
    valueOf[0] = value === value ? value : NaN;
    hash = Math.imul(hash ^ valueBits[0]!, 0x85ebca6b) ^ Math.imul(valueBits[1]!, 0x9e3779b1);
  }
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0x9e3779b1);
  return (hash ^ (hash >>> 16)) >>> 0;
}
