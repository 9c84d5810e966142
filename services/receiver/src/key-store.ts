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
  #chunks: Buffer[] = [];
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

  /** Whether the key is `bytes[start, start + its length)`, which has to be there. */
  equals(key: number, bytes: Uint8Array, start: number): boolean {
    const place = this.#places.data[key]!;
    const at = place & (CHUNK_BYTES - 1);
    const length = this.#lengths.data[key]!;
    const chunk = this.#chunks[place >>> CHUNK_BITS]!;
    return chunk.compare(bytes, start, start + length, at, at + length) === 0;
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
      const grown = Buffer.alloc(Math.min(CHUNK_BYTES, (this.#taken + length) * 2));
      grown.set(chunk);
      this.#chunks[0] = grown;
      this.#bytes += grown.length - chunk.length;
      return 0;
    }
    // What is longer than a chunk has one of its own.
    const least = chunk === undefined ? FIRST_BYTES : CHUNK_BYTES;
    const next = Buffer.alloc(Math.max(least, length));
    this.#chunks.push(next);
    this.#taken = 0;
    this.#bytes += next.length;
    return last + 1;
  }
}
