import { MixHash } from '@millrace/model';

const SEED = 0x6d696c6c;

/** A digest of 64 bits over values that are put in one after the other. */
export class WordDigest {
  #bytes = Buffer.alloc(4096);
  #view = viewOf(this.#bytes);
  #length = 0;
  readonly #hash = new MixHash();

  begin(): this {
    this.#length = 0;
    return this;
  }

  /** Every NaN is the same one; undefined is told from all numbers. */
  number(value: number | undefined): this {
    this.#reserve(9);
    this.#view.setUint8(this.#length, value === undefined ? 0 : 1);
    this.#view.setFloat64(this.#length + 1, value === undefined || value !== value ? NaN : value);
    this.#length += 9;
    return this;
  }

  bytes(value: Uint8Array | undefined): this {
    this.number(value?.length);
    if (value === undefined) return this;
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  text(value: string): this {
    return this.bytes(Buffer.from(value, 'utf8'));
  }

  /** The two halves; valid until the next one. */
  end(): Readonly<{ high: number; low: number }> {
    this.#reserve(8);
    this.#bytes.fill(0, this.#length, this.#length + 8);
    this.#hash.hash(this.#view, this.#length, SEED);
    return this.#hash;
  }

  #reserve(length: number): void {
    const needed = this.#length + length + 8;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.alloc(2 * needed);
    grown.set(this.#bytes);
    this.#bytes = grown;
    this.#view = viewOf(grown);
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
