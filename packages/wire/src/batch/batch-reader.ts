import { isUtf8 } from 'node:buffer';
import { DecodeError } from '../samples/decode-error.ts';
import { labelText } from '../fields/label-text.ts';

/**
 * Reads the few kinds of MessagePack values that a batch consists of
 * (https://github.com/msgpack/msgpack/blob/master/spec.md). Every length is compared with what is
 * there before anything is made by it, and nothing is read past the end.
 */
export class BatchReader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  at = 0;
  /** Where the last byte string or text begins. */
  start = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.at === this.bytes.length;
  }

  /** Passes the head of a map and tells how many pairs follow. */
  map(what: string): number {
    const head = this.#byte();
    if ((head & 0xf0) === 0x80) return this.#members(head & 0x0f, 2);
    if (head === 0xde) return this.#members(this.#number(2), 2);
    if (head === 0xdf) return this.#members(this.#number(4), 2);
    throw this.#unfit(what, 'a map');
  }

  /** Passes the head of an array and tells how many members follow. */
  array(what: string): number {
    const head = this.#byte();
    if ((head & 0xf0) === 0x90) return this.#members(head & 0x0f, 1);
    if (head === 0xdc) return this.#members(this.#number(2), 1);
    if (head === 0xdd) return this.#members(this.#number(4), 1);
    throw this.#unfit(what, 'an array');
  }

  /** A whole number that is not negative and that a double holds exactly. */
  uint(what: string): number {
    const head = this.#byte();
    if (head < 0x80) return head;
    if (head >= 0xcc && head <= 0xce) return this.#number(1 << (head - 0xcc));
    // Some encoders write every number as a signed one.
    if (head >= 0xd0 && head <= 0xd2) {
      const width = 1 << (head - 0xd0);
      const value = this.#number(width);
      if (value < 2 ** (8 * width - 1)) return value;
    }
    if (head === 0xcf || head === 0xd3) {
      const value = this.#number(4) * 0x1_0000_0000 + this.#number(4);
      if (value <= Number.MAX_SAFE_INTEGER) return value;
    }
    throw this.#unfit(what, 'a whole number from 0 to 2^53 - 1');
  }

  /** Passes a byte string, which begins at `start` then, and tells how long it is. */
  bin(what: string): number {
    const head = this.#byte();
    if (head < 0xc4 || head > 0xc6) throw this.#unfit(what, 'a byte string');
    return this.#pass(this.#number(1 << (head - 0xc4)));
  }

  text(what: string, bytesMax: number): string {
    const length = this.passText(what, bytesMax);
    const { buffer, byteOffset } = this.bytes;
    return Buffer.from(buffer, byteOffset + this.start, length).toString('utf8');
  }

  /** Passes a text, which also begins at `start` then, and tells how many bytes it takes. */
  passText(what: string, bytesMax: number): number {
    const length = this.#textLength(what);
    if (length > bytesMax) throw this.malformed(`${what} takes more than ${bytesMax} bytes`);
    for (let i = this.start; i < this.at; i += 1) {
      if (this.bytes[i]! < 0x80) continue;
      if (isUtf8(this.bytes.subarray(this.start, this.at))) return length;
      throw new DecodeError('invalid_utf8', `the text at byte ${this.start} is not UTF-8`);
    }
    return length;
  }

  /** A label's text that was passed, and so checked, before. */
  labelText(): string {
    this.#textLength('a label');
    return labelText(this.bytes, this.start, this.at);
  }

  malformed(what: string): DecodeError {
    return new DecodeError('malformed_batch', `${what}, at byte ${this.at}`);
  }

  #textLength(what: string): number {
    const head = this.#byte();
    const isShort = (head & 0xe0) === 0xa0;
    if (!isShort && (head < 0xd9 || head > 0xdb)) throw this.#unfit(what, 'a text');
    return this.#pass(isShort ? head & 0x1f : this.#number(1 << (head - 0xd9)));
  }

  #byte(): number {
    if (this.at >= this.bytes.length) throw this.malformed('the batch is cut off');
    const byte = this.bytes[this.at]!;
    this.at += 1;
    return byte;
  }

  #number(width: number): number {
    const { at } = this;
    if (width > this.bytes.length - at) throw this.malformed('the batch is cut off');
    this.at = at + width;
    if (width === 1) return this.view.getUint8(at);
    return width === 2 ? this.view.getUint16(at) : this.view.getUint32(at);
  }

  #pass(length: number): number {
    if (length > this.bytes.length - this.at) throw this.malformed('a value is cut off');
    this.start = this.at;
    this.at += length;
    return length;
  }

  /** Each member takes a byte at least: more than there are bytes left is a lie. */
  #members(count: number, width: number): number {
    if (count * width > this.bytes.length - this.at) throw this.malformed('a value is cut off');
    return count;
  }

  #unfit(what: string, wanted: string): DecodeError {
    this.at -= 1;
    return this.malformed(`${what} is not ${wanted}`);
  }
}
