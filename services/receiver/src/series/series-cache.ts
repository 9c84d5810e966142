import { randomBytes } from 'node:crypto';
import type { LabelSet } from '@millrace/model';
import { mappedBuffer } from '@millrace/runtime';
import { KEY_BYTES_MAX, KeyMemory, type ExpectedRun } from '@millrace/wire';
import { Uint32Column } from './column.ts';
import { SeriesTable, type SeriesNumber } from './series-table.ts';

/** What `find` returns for bytes it does not know. */
export const UNKNOWN_SERIES = -1;

const FIRST_SLOTS = 1024;
const EMPTY_VIEW = new DataView(new ArrayBuffer(0));

/**
 * Finds the series of label bytes as a producer sent them, without a string and without SHA-256
 * for those seen before. Look-up is by a seeded 32-bit hash, and every hit is compared byte by
 * byte: the hash decides nothing. It serves one tenant. When a bound is reached everything is
 * forgotten, also in the middle of a request: no request can make it bigger than its bounds.
 */
export class SeriesCache {
  readonly table: SeriesTable;
  readonly #countMax: number;
  readonly #bytesMax: number;
  readonly #onClear: () => void;
  readonly #seed = randomBytes(4).readInt32LE();
  /** Series number + 1 by hash, open addressing, at most half full; 0: free. */
  #slots: Int32Array = new Int32Array(FIRST_SLOTS);
  /** The label bytes, and which series followed which: requests of one sender look alike. */
  readonly #keys = new KeyMemory();
  readonly #hashes = new Uint32Column();
  #last: SeriesNumber = UNKNOWN_SERIES;
  #viewed: Uint8Array | undefined;
  #view: DataView = EMPTY_VIEW;

  constructor(
    params: Readonly<{
      tenant: string;
      partitions: number;
      countMax: number;
      bytesMax: number;
      /** Called before everything is forgotten: numbers will mean something else. */
      onClear: () => void;
    }>,
  ) {
    this.table = new SeriesTable(params);
    this.#countMax = params.countMax;
    this.#bytesMax = Math.min(params.bytesMax, KEY_BYTES_MAX);
    this.#onClear = params.onClear;
  }

  get count(): number {
    return this.table.count;
  }

  get bytesHeld(): number {
    const hashes = this.#hashes.data.byteLength;
    return this.table.bytesHeld + this.#keys.bytesHeld + hashes + this.#slots.byteLength;
  }

  /** Lets go of the request's bytes, which else would live until the next request. */
  rest(): void {
    this.#last = UNKNOWN_SERIES;
    this.#viewed = undefined;
    this.#view = EMPTY_VIEW;
  }

  /**
   * Where the key of the series that is likely to be next ends, if it is what the bytes hold from
   * `start` on; -1 when it is not, or would pass `end`. `takeExpected` makes it the one found.
   */
  expect(bytes: Uint8Array, start: number, end: number): number {
    if (this.#last === UNKNOWN_SERIES) return -1;
    const guess = this.#keys.follower(this.#last);
    const keyEnd = start + this.#keys.length(guess);
    return keyEnd <= end && this.#keys.equals(guess, this.#viewOf(bytes), start) ? keyEnd : -1;
  }

  /** The series that `expect` found; nothing else was asked or added in between. */
  takeExpected(): SeriesNumber {
    this.#last = this.#keys.follower(this.#last);
    return this.#last;
  }

  /** Uncompresses a request to where `expectedRun` reads it; see `KeyMemory.uncompress`. */
  uncompress(block: Uint8Array, bytesMax: number): Uint8Array | undefined {
    return this.#keys.uncompress(block, bytesMax);
  }

  /**
   * What `expect`, `takeExpected` and reading samples give for series after series, all at once;
   * undefined when no series is expected, or the bytes lie elsewhere.
   */
  expectedRun(bytes: Uint8Array, start: number): ExpectedRun | undefined {
    if (this.#last === UNKNOWN_SERIES || !this.#keys.holds(bytes)) return undefined;
    const run = this.#keys.expectedRun(start, this.#last);
    this.#last = run.last;
    return run;
  }

  /** The series that was added under `bytes[start, end)`, or UNKNOWN_SERIES. */
  find(bytes: Uint8Array, start: number, end: number): SeriesNumber {
    if (this.expect(bytes, start, end) === end) return this.takeExpected();
    const hash = this.#hash(bytes, start, end);
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const series = this.#slots[slot]! - 1;
      if (series < 0) return UNKNOWN_SERIES;
      if (this.#hashes.data[series] === hash && this.#isKeyOf(series, bytes, start, end)) {
        this.#follow(series);
        return series;
      }
    }
  }

  /** Adds a series that `find` did not find under these bytes. */
  add(bytes: Uint8Array, start: number, end: number, labels: LabelSet): SeriesNumber {
    if (this.count >= this.#countMax || this.bytesHeld >= this.#bytesMax) this.#clear();
    const series = this.table.add(labels);
    this.#keys.add(bytes, start, end);
    this.#hashes.push(this.#hash(bytes, start, end));
    if (this.count * 2 > this.#slots.length) this.#growSlots();
    else this.#put(series);
    this.#follow(series);
    return series;
  }

  #follow(series: SeriesNumber): void {
    if (this.#last !== UNKNOWN_SERIES) this.#keys.setFollower(this.#last, series);
    this.#last = series;
  }

  #isKeyOf(series: SeriesNumber, bytes: Uint8Array, start: number, end: number): boolean {
    const view = this.#viewOf(bytes);
    return this.#keys.length(series) === end - start && this.#keys.equals(series, view, start);
  }

  #clear(): void {
    this.#onClear();
    this.table.clear();
    this.#slots = new Int32Array(FIRST_SLOTS);
    this.#keys.clear();
    this.#hashes.reset();
    this.#last = UNKNOWN_SERIES;
  }

  #growSlots(): void {
    const length = 2 * this.#slots.length;
    this.#slots = new Int32Array(mappedBuffer(4 * length), 0, length);
    for (let series = 0; series < this.count; series += 1) this.#put(series);
  }

  #put(series: SeriesNumber): void {
    const mask = this.#slots.length - 1;
    let slot = this.#hashes.data[series]! & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = series + 1;
  }

  #viewOf(bytes: Uint8Array): DataView {
    if (bytes !== this.#viewed) {
      this.#viewed = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    return this.#view;
  }

  #hash(bytes: Uint8Array, start: number, end: number): number {
    const view = this.#viewOf(bytes);
    let hash = this.#seed;
    let at = start;
    for (; at + 4 <= end; at += 4) {
      hash = Math.imul(hash ^ view.getInt32(at, true), 0x2c1b3c6d);
      hash ^= hash >>> 15;
    }
    for (; at < end; at += 1) hash = Math.imul(hash ^ view.getUint8(at), 0x297a2d39);
    hash ^= hash >>> 13;
    return hash >>> 0;
  }
}
