import { Uint32Column } from './column.ts';

/** A power of two: a key's place is a chunk and a byte in it. */
const CHUNK_BITS = 18;
const CHUNK_BYTES = 2 ** CHUNK_BITS;
const FIRST_BYTES = 16 * 1024;

/**
 * Byte strings by consecutive numbers. They lie in chunks, because a single buffer that doubles
 * would stop all requests while hundreds of megabytes are copied.
 */
export class KeyStore {
  #chunks: Uint8Array[] = [];
  #views: DataView[] = [];
  /** Bytes of the last chunk that are taken. */
  #taken = 0;
  #bytes = 0;
  readonly #places = new Uint32Column();
  readonly #lengths = new Uint32Column();

  get bytesHeld(): number {
    return this.#bytes + this.#places.data.byteLength + this.#lengths.data.byteLength;
  }

  length(key: number): number {
    return this.#lengths.data[key]!;
  }

  /**
   * Whether the key is what `view` has from `start` on, where its length has to be there. Eight
   * bytes at a time, the last ones again where they are fewer: that is twice as fast as a call of
   * `Buffer.compare`.
   */
  equals(key: number, view: DataView, start: number): boolean {
    const place = this.#places.data[key]!;
    const at = place & (CHUNK_BYTES - 1);
    const length = this.#lengths.data[key]!;
    const own = this.#views[place >>> CHUNK_BITS]!;
    if (length < 8) return areEqualBytes(own, at, view, start, length);
    const last = length - 8;
    for (let i = 0; i < last; i += 8) {
      if (!areEqualEights(own, at + i, view, start + i)) return false;
    }
    return areEqualEights(own, at + last, view, start + last);
  }

  /** Keeps a copy of `bytes[start, end)` under the next number. */
  add(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    const last = this.#chunkFor(length);
    this.#chunks[last]!.set(bytes.subarray(start, end), this.#taken);
    this.#places.push(last * CHUNK_BYTES + this.#taken);
    this.#lengths.push(length);
    this.#taken += length;
  }

  clear(): void {
    this.#chunks = [];
    this.#views = [];
    this.#taken = 0;
    this.#bytes = 0;
    this.#places.reset();
    this.#lengths.reset();
  }

  /** The last chunk, which has room for so many bytes then. */
  #chunkFor(length: number): number {
    const last = this.#chunks.length - 1;
    const chunk = this.#chunks[last];
    if (chunk !== undefined && this.#taken + length <= chunk.length) return last;
    if (chunk !== undefined && last === 0 && this.#taken + length <= CHUNK_BYTES) {
      // One that is hardly used stays small.
      const grown = new Uint8Array(Math.min(CHUNK_BYTES, (this.#taken + length) * 2));
      grown.set(chunk);
      this.#bytes -= chunk.length;
      return this.#put(0, grown);
    }
    // What is longer than a chunk has one of its own.
    const least = chunk === undefined ? FIRST_BYTES : CHUNK_BYTES;
    this.#taken = 0;
    return this.#put(last + 1, new Uint8Array(Math.max(least, length)));
  }

  #put(number: number, chunk: Uint8Array): number {
    this.#chunks[number] = chunk;
    this.#views[number] = new DataView(chunk.buffer);
    this.#bytes += chunk.length;
    return number;
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
