/*
 * Snappy's block format over symbols instead of bytes, so that a request can be compressed once
 * and only its variable bytes be written for each further one. A symbol below 256 is that byte;
 * any other is a byte to be filled in later, and equal symbols will get equal bytes. So copies
 * are made only of what stays equal, whatever is filled in.
 * https://github.com/google/snappy/blob/main/format_description.txt
 */

/** Copies of the two-byte form reach this far back; compressors cut their input there as well. */
const WINDOW_BYTES = 65_535;
const MATCH_BYTES_MIN = 4;
const COPY_BYTES_MAX = 64;
const HASH_BITS = 15;

export interface SymbolBlock {
  /** Zero where a byte is to be filled in. */
  readonly block: Uint8Array<ArrayBuffer>;
  /** For each symbol where its byte lies in the block; -1 when it is copied from another. */
  readonly at: Int32Array;
}

/** Compresses about as well as snappy itself does; slowly, which matters once per template. */
export function compressSymbols(symbols: Uint32Array): SymbolBlock {
  const recent = new Int32Array(1 << HASH_BITS).fill(-1);
  const writer = new BlockWriter(symbols);
  for (let at = 0; at + MATCH_BYTES_MIN <= symbols.length;) {
    const hash = hashOf(symbols, at);
    const candidate = recent[hash]!;
    recent[hash] = at;
    const length = candidate < 0 ? 0 : matchLength(symbols, candidate, at);
    if (length < MATCH_BYTES_MIN) {
      at += 1;
      continue;
    }
    writer.literalUpTo(at);
    writer.copy(at - candidate, length);
    at += length;
  }
  writer.literalUpTo(symbols.length);
  return writer.finish();
}

function hashOf(symbols: Uint32Array, at: number): number {
  let hash = 0;
  for (let i = 0; i < MATCH_BYTES_MIN; i += 1)
    hash = Math.imul(hash + symbols[at + i]!, 0x1e35a7bd);
  return (hash ^ (hash >>> 15)) & ((1 << HASH_BITS) - 1);
}

function matchLength(symbols: Uint32Array, from: number, at: number): number {
  if (at - from > WINDOW_BYTES) return 0;
  const lengthMax = symbols.length - at;
  let length = 0;
  while (length < lengthMax && symbols[from + length] === symbols[at + length]) length += 1;
  return length;
}

class BlockWriter {
  readonly #symbols: Uint32Array;
  readonly #placedAt: Int32Array;
  readonly #block: Uint8Array;
  #at = 0;
  /** Every symbol before is written. */
  #symbolAt = 0;

  constructor(symbols: Uint32Array) {
    this.#symbols = symbols;
    this.#placedAt = new Int32Array(symbols.length).fill(-1);
    this.#block = new Uint8Array(symbols.length + Math.ceil(symbols.length / 6) + 32);
    let rest = symbols.length;
    for (; rest > 0x7f; rest >>>= 7) this.#byte((rest & 0x7f) | 0x80);
    this.#byte(rest);
  }

  literalUpTo(end: number): void {
    const length = end - this.#symbolAt;
    if (length === 0) return;
    if (length <= 60) this.#byte((length - 1) << 2);
    else {
      // The length in four bytes behind the tag: long ones are rare, and it is always legal.
      this.#byte(63 << 2);
      for (let shift = 0; shift < 32; shift += 8) this.#byte(((length - 1) >>> shift) & 0xff);
    }
    for (; this.#symbolAt < end; this.#symbolAt += 1) {
      const symbol = this.#symbols[this.#symbolAt]!;
      this.#placedAt[this.#symbolAt] = this.#at;
      this.#byte(symbol < 256 ? symbol : 0);
    }
  }

  copy(back: number, length: number): void {
    for (let rest = length; rest > 0;) {
      const part = Math.min(rest, COPY_BYTES_MAX);
      if (part >= 4 && part <= 11 && back < 2048) {
        this.#byte(((back >>> 8) << 5) | ((part - 4) << 2) | 1);
        this.#byte(back & 0xff);
      } else {
        this.#byte(((part - 1) << 2) | 2);
        this.#byte(back & 0xff);
        this.#byte(back >>> 8);
      }
      rest -= part;
    }
    this.#symbolAt += length;
  }

  finish(): SymbolBlock {
    return { block: this.#block.slice(0, this.#at), at: this.#placedAt };
  }

  #byte(byte: number): void {
    this.#block[this.#at] = byte;
    this.#at += 1;
  }
}
