import { claimedLength } from '../snappy.ts';
import { UNCOMPRESS_SLACK_BYTES } from '../wasm/uncompress-function.ts';
import {
  KEY_BLOCK_BYTES,
  KEY_FOLLOWER_AT,
  KEY_HEAD_BYTES,
  KEY_LIKE_AT,
  KEY_MASK_AT,
  KEY_NUMBER_AT,
  LAST_KEY_AT,
  LIKE_KEY_HEAD_BYTES,
  SERIES_COUNT_AT,
  STOPPED_AT,
} from './expected-series-function.ts';
import { LikeKeys } from './like-keys.ts';
import {
  keyFunctions,
  WASM_PAGE_BYTES,
  WASM_PAGES_MAX,
  type KeyFunctions,
  type WasmMemory,
} from './key-functions.ts';

/**
 * Samples of series that were as expected: one value each in three columns. Valid until the next
 * run, or key: there is one object for all of them.
 */
export interface ExpectedRun {
  /** Of how many of the columns' values it is. */
  samples: number;
  series: number;
  stoppedAt: number;
  /** The last series. */
  last: number;
  readonly numbers: Uint32Array;
  readonly timesUs: Float64Array;
  readonly values: Float64Array;
}

/*
 * The memory that the functions in WebAssembly work on: what they return, columns, a request as it
 * was sent and as it is, then keys.
 */
const CELLS_BYTES = 64;
/** As many as senders put into a request; memory that no run needs is never touched. */
const RUN_SAMPLES_MAX = 16 * 1024;
const NUMBERS_AT = CELLS_BYTES;
const TIMES_AT = NUMBERS_AT + 4 * RUN_SAMPLES_MAX;
const VALUES_AT = TIMES_AT + 8 * RUN_SAMPLES_MAX;
const SENT_AT = VALUES_AT + 8 * RUN_SAMPLES_MAX;
/** Larger requests are for whoever has room. Pages that no request needs are never touched. */
const SENT_BYTES_MAX = 1024 * 1024;
const PLAIN_AT = SENT_AT + SENT_BYTES_MAX + 64;
const PLAIN_BYTES_MAX = 4 * 1024 * 1024;
const KEYS_AT = PLAIN_AT + PLAIN_BYTES_MAX + 64;

const FIRST_BYTES = 16 * 1024;
/**
 * From so many bytes of keys on, of those that are like others only what differs is kept: a million
 * of 245 bytes were a quarter of a gigabyte. Of few it would save nothing that counts.
 */
const WHOLE_BYTES_MAX = 16 * 1024 * 1024;
/** A buffer of so many is not copied into a larger one, but into memory that grows in place. */
const PLAIN_MEMORY_BYTES_MAX = 1024 * 1024;
const GROWN_BYTES_MIN = 1024 * 1024;

/** No more keys can be addressed. */
export const KEY_BYTES_MAX: number = (WASM_PAGES_MAX - 1) * WASM_PAGE_BYTES - KEYS_AT - 2 ** 28;

/**
 * Label bytes of series by consecutive numbers, and which of them followed which. It lies in the
 * memory of functions in WebAssembly as soon as that pays: they find the series of a request, and
 * its samples, without a step of JavaScript for any. Where there is no WebAssembly it lies in a
 * buffer, and `uncompress` takes no request.
 */
export class KeyMemory {
  #bytes: Uint8Array = new Uint8Array(FIRST_BYTES);
  #view: DataView = new DataView(this.#bytes.buffer);
  /** What is added to a place in `#bytes` to make it an address: it stays the same in both. */
  #base = KEYS_AT;
  #taken = KEYS_AT;
  #addresses = new Uint32Array(256);
  #count = 0;
  /** Beyond so many bytes of keys those that are like others are not kept as a whole. */
  readonly #wholeBytesMax: number;
  readonly #likeKeys = new LikeKeys();
  #wasm: Readonly<{ memory: WasmMemory; functions: KeyFunctions }> | undefined;
  #isWithoutWasm: boolean;
  #run: ExpectedRun | undefined;
  #plain: Uint8Array | undefined;

  constructor(
    params: Readonly<{ withoutWasm?: boolean; wholeBytesMax?: number | undefined }> = {},
  ) {
    this.#isWithoutWasm = params.withoutWasm === true;
    this.#wholeBytesMax = params.wholeBytesMax ?? WHOLE_BYTES_MAX;
  }

  get bytesHeld(): number {
    const keys = this.#wasm === undefined ? this.#bytes.length : this.#taken - KEYS_AT;
    return keys + this.#addresses.byteLength;
  }

  length(key: number): number {
    return this.#view.getUint32(this.#at(key), true);
  }

  /** The key that followed this one last time; itself, while none did. */
  follower(key: number): number {
    const address = this.#view.getUint32(this.#at(key) + KEY_FOLLOWER_AT, true);
    return this.#view.getUint32(address - this.#base + KEY_NUMBER_AT, true);
  }

  setFollower(key: number, follower: number): void {
    this.#view.setUint32(this.#at(key) + KEY_FOLLOWER_AT, this.#addresses[follower]!, true);
  }

  /**
   * Whether the key is what `view` has from `start` on, where its length has to be there. Eight
   * bytes at a time, the last ones again where they are fewer: that is twice as fast as a call of
   * `Buffer.compare`.
   */
  equals(key: number, view: DataView, start: number): boolean {
    const own = this.#view;
    const head = this.#at(key);
    const at = head + KEY_HEAD_BYTES;
    const length = own.getUint32(head, true);
    if (own.getUint32(head + KEY_LIKE_AT, true) !== 0) return this.#equalsLike(head, view, start);
    if (length < 8) return areEqualBytes(own, at, view, start, length);
    const last = length - 8;
    for (let i = 0; i < last; i += 8) {
      if (!areEqualEights(own, at + i, view, start + i)) return false;
    }
    return areEqualEights(own, at + last, view, start + last);
  }

  /** Block by block, those that lie here and those of the key that it is like. */
  #equalsLike(head: number, view: DataView, start: number): boolean {
    const own = this.#view;
    const last = own.getUint32(head, true) - KEY_BLOCK_BYTES;
    const like = own.getUint32(head + KEY_LIKE_AT, true) - this.#base + KEY_HEAD_BYTES;
    let mask = own.getUint32(head + KEY_MASK_AT, true);
    let here = head + LIKE_KEY_HEAD_BYTES;
    for (let i = 0; ; i += KEY_BLOCK_BYTES, mask >>>= 1) {
      const place = Math.min(i, last);
      const isHere = (mask & 1) !== 0;
      const at = isHere ? here : like + place;
      if (isHere) here += KEY_BLOCK_BYTES;
      if (!areEqualEights(own, at, view, start + place)) return false;
      if (!areEqualEights(own, at + 8, view, start + place + 8)) return false;
      if (place === last) return true;
    }
  }

  /** Keeps a copy of `bytes[start, end)` under the next number. */
  add(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.#reserve(KEY_HEAD_BYTES + length);
    if (this.#count === this.#addresses.length) {
      const grown = new Uint32Array(2 * this.#count);
      grown.set(this.#addresses);
      this.#addresses = grown;
    }
    const address = this.#taken;
    const at = address - this.#base;
    this.#view.setUint32(at, length, true);
    this.#view.setUint32(at + KEY_FOLLOWER_AT, address, true);
    this.#view.setUint32(at + KEY_NUMBER_AT, this.#count, true);
    this.#addresses[this.#count] = address;
    this.#count += 1;
    this.#taken = address + this.#write(bytes.subarray(start, end), at);
  }

  /** The bytes of a key, or what differs; returns how many it takes with its head. */
  #write(key: Uint8Array, at: number): number {
    const own = this.#bytes;
    const { length } = key;
    const isMany = this.#taken - KEYS_AT >= this.#wholeBytesMax;
    const found = isMany ? this.#likeKeys.find(key, own, -this.#base + KEY_HEAD_BYTES) : undefined;
    this.#view.setUint32(at + KEY_LIKE_AT, found?.address ?? 0, true);
    if (found === undefined) {
      own.set(key, at + KEY_HEAD_BYTES);
      if (isMany) this.#likeKeys.add(length, at + this.#base);
      return KEY_HEAD_BYTES + length;
    }
    const { mask } = found;
    this.#view.setUint32(at + KEY_MASK_AT, mask, true);
    let into = at + LIKE_KEY_HEAD_BYTES;
    for (let i = 0, left = mask; left !== 0; i += KEY_BLOCK_BYTES, left >>>= 1) {
      if ((left & 1) === 0) continue;
      const place = Math.min(i, length - KEY_BLOCK_BYTES);
      own.set(key.subarray(place, place + KEY_BLOCK_BYTES), into);
      into += KEY_BLOCK_BYTES;
    }
    return into - at;
  }

  /** Memory that WebAssembly has is kept: so the request that it holds stays valid. */
  clear(): void {
    this.#taken = KEYS_AT;
    this.#count = 0;
    this.#likeKeys.clear();
    this.#addresses = new Uint32Array(256);
    if (this.#wasm === undefined) this.#lieIn(new Uint8Array(FIRST_BYTES), KEYS_AT);
  }

  /**
   * `uncompressSnappy` into this memory, valid until the next call. Undefined when it is too large
   * for that, or not sound: then `uncompressSnappy` has to be asked, which tells why.
   */
  uncompress(block: Uint8Array, bytesMax: number): Uint8Array | undefined {
    const { length, at } = claimedLength(block);
    if (length > Math.min(bytesMax, PLAIN_BYTES_MAX) || block.length > SENT_BYTES_MAX) return;
    if (this.#wasm === undefined) this.#moveToWasm();
    if (this.#wasm === undefined) return undefined;
    // As many as this request can add: buffers stay where they are while it is read.
    this.#reserve(3 * length + UNCOMPRESS_SLACK_BYTES);
    this.#bytes.set(block, SENT_AT);
    const { functions } = this.#wasm;
    const end = SENT_AT + block.length;
    const isSound = functions.uncompress(SENT_AT + at, end, PLAIN_AT, PLAIN_AT + length);
    if (isSound === 0) return undefined;
    this.#plain = this.#bytes.subarray(PLAIN_AT, PLAIN_AT + length);
    return this.#plain;
  }

  /** Whether `body` is what `uncompress` gave last: then `expectedRun` reads it. */
  holds(body: Uint8Array): boolean {
    return body === this.#plain;
  }

  /**
   * Of the request in memory, the series from `start` on that follow `last` as they did the last
   * time, with their samples, up to the first that is otherwise.
   */
  expectedRun(start: number, last: number): ExpectedRun {
    const end = PLAIN_AT + this.#plain!.length;
    const { functions } = this.#wasm!;
    const samples = functions.expectedSeries(
      PLAIN_AT + start,
      end,
      this.#addresses[last]!,
      RUN_SAMPLES_MAX,
      NUMBERS_AT,
      TIMES_AT,
      VALUES_AT,
    );
    const view = this.#view;
    const lastAt = view.getUint32(LAST_KEY_AT, true);
    const run = (this.#run ??= this.#newRun());
    run.samples = samples;
    run.series = view.getUint32(SERIES_COUNT_AT, true);
    run.stoppedAt = view.getUint32(STOPPED_AT, true) - PLAIN_AT;
    run.last = view.getUint32(lastAt + KEY_NUMBER_AT, true);
    return run;
  }

  #at(key: number): number {
    return this.#addresses[key]! - this.#base;
  }

  #newRun(): ExpectedRun {
    const { buffer } = this.#bytes;
    return {
      ...{ samples: 0, series: 0, stoppedAt: 0, last: 0 },
      numbers: new Uint32Array(buffer, NUMBERS_AT, RUN_SAMPLES_MAX),
      timesUs: new Float64Array(buffer, TIMES_AT, RUN_SAMPLES_MAX),
      values: new Float64Array(buffer, VALUES_AT, RUN_SAMPLES_MAX),
    };
  }

  /** Makes room for so many bytes more. */
  #reserve(bytes: number): void {
    const needed = this.#taken - this.#base + bytes;
    if (needed <= this.#bytes.length) return;
    if (this.#wasm === undefined && needed > PLAIN_MEMORY_BYTES_MAX && this.#moveToWasm()) {
      this.#reserve(bytes);
    } else if (this.#wasm === undefined) {
      const grown = new Uint8Array(2 * needed);
      grown.set(this.#bytes);
      this.#lieIn(grown, KEYS_AT);
    } else {
      const { memory } = this.#wasm;
      const have = this.#bytes.length;
      const more = Math.max(needed - have, Math.floor(have / 8), GROWN_BYTES_MIN);
      const pagesLeft = WASM_PAGES_MAX - have / WASM_PAGE_BYTES;
      memory.grow(Math.min(Math.ceil(more / WASM_PAGE_BYTES), pagesLeft));
      this.#lieIn(new Uint8Array(memory.buffer), 0);
    }
  }

  #moveToWasm(): boolean {
    if (this.#isWithoutWasm) return false;
    const used = this.#taken - KEYS_AT;
    const pages = Math.ceil((KEYS_AT + used + FIRST_BYTES) / WASM_PAGE_BYTES);
    this.#wasm = keyFunctions(pages);
    // What cannot be had now would be asked for with every request.
    this.#isWithoutWasm = this.#wasm === undefined;
    if (this.#wasm === undefined) return false;
    const keys = this.#bytes.subarray(0, used);
    this.#lieIn(new Uint8Array(this.#wasm.memory.buffer), 0);
    this.#bytes.set(keys, KEYS_AT);
    return true;
  }

  #lieIn(bytes: Uint8Array<ArrayBuffer>, base: number): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
    this.#base = base;
    this.#run = undefined;
    // What lay in the one before.
    this.#plain = undefined;
  }
}

/** As doubles: equal ones have equal bytes, unless they are zero; and NaN equals nothing. */
function areEqualEights(own: DataView, at: number, other: DataView, start: number): boolean {
  const eight = own.getFloat64(at, true);
  if (eight === other.getFloat64(start, true) && eight !== 0) return true;
  return (
    own.getInt32(at) === other.getInt32(start) && own.getInt32(at + 4) === other.getInt32(start + 4)
  );
}

function areEqualBytes(
  own: DataView,
  at: number,
  other: DataView,
  start: number,
  length: number,
): boolean {
  for (let i = 0; i < length; i += 1) {
    if (own.getUint8(at + i) !== other.getUint8(start + i)) return false;
  }
  return true;
}
