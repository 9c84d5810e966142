import { encode } from '@msgpack/msgpack';

/**
 * Writes MessagePack field by field, for records of which there are many thousands a second: no
 * list of fields is made, and byte strings are copied once. What it writes, any MessagePack reader
 * reads (https://github.com/msgpack/msgpack/blob/master/spec.md).
 */
export class FieldWriter {
  #bytes: Buffer;
  #at = 0;

  constructor(bytes = 4096) {
    this.#bytes = Buffer.allocUnsafeSlow(bytes);
  }

  /** What follows are the members of one array. */
  begin(members: number): void {
    this.#at = 0;
    this.#reserve(3);
    if (members < 16) this.#bytes[this.#at++] = 0x90 | members;
    else {
      this.#bytes[this.#at++] = 0xdc;
      this.#at = this.#bytes.writeUInt16BE(members, this.#at);
    }
  }

  number(value: number): void {
    this.#reserve(9);
    const bytes = this.#bytes;
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) this.#integer(value);
    else {
      bytes[this.#at] = 0xcb;
      this.#at = bytes.writeDoubleBE(value, this.#at + 1);
    }
  }

  text(text: string): void {
    for (let i = 0; i < text.length; i += 1) {
      // Rare, and half of a surrogate pair is not what Node writes of it.
      if (text.charCodeAt(i) >= 0x80) return this.value(text);
    }
    this.#reserve(5 + text.length);
    if (text.length < 32) this.#bytes[this.#at++] = 0xa0 | text.length;
    else this.#length(0xd9, text.length);
    this.#at += this.#bytes.write(text, this.#at, 'latin1');
  }

  bytes(column: Uint8Array): void {
    const { length } = column;
    this.#reserve(5 + length);
    this.#length(0xc4, length);
    this.#bytes.set(column, this.#at);
    this.#at += length;
  }

  /** A list of anything; most are empty. */
  list<T>(items: readonly T[], row?: (item: T) => unknown): void {
    if (items.length > 0) this.value(row === undefined ? items : items.map(row));
    else {
      this.#reserve(1);
      this.#bytes[this.#at++] = 0x90;
    }
  }

  /** Anything else, however deep. */
  value(value: unknown): void {
    const encoded = encode(value);
    this.#reserve(encoded.length);
    this.#bytes.set(encoded, this.#at);
    this.#at += encoded.length;
  }

  /** A copy of what was written. */
  take(): Uint8Array {
    return new Uint8Array(this.#bytes.subarray(0, this.#at));
  }

  #integer(value: number): void {
    const bytes = this.#bytes;
    if (value >= 0 && value < 0x80) bytes[this.#at++] = value;
    else if (value < 0 && value >= -0x20) bytes[this.#at++] = value & 0xff;
    else if (value >= 0 && value <= 0xffff_ffff) {
      bytes[this.#at] = 0xce;
      this.#at = bytes.writeUInt32BE(value, this.#at + 1);
    } else {
      bytes[this.#at] = value < 0 ? 0xd3 : 0xcf;
      const high = Math.floor(value / 2 ** 32);
      bytes.writeUInt32BE(high >>> 0, this.#at + 1);
      this.#at = bytes.writeUInt32BE(value - high * 2 ** 32, this.#at + 5);
    }
  }

  /** The head of a text or byte string; `short` is the one with a length of one byte. */
  #length(short: number, length: number): void {
    const bytes = this.#bytes;
    if (length < 0x100) {
      bytes[this.#at] = short;
      this.#at = bytes.writeUInt8(length, this.#at + 1);
    } else if (length < 0x1_0000) {
      bytes[this.#at] = short + 1;
      this.#at = bytes.writeUInt16BE(length, this.#at + 1);
    } else {
      bytes[this.#at] = short + 2;
      this.#at = bytes.writeUInt32BE(length, this.#at + 1);
    }
  }

  #reserve(more: number): void {
    if (this.#at + more <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(2 * (this.#at + more));
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
  }
}
