import { isUtf8 } from 'node:buffer';
import { DecodeError } from '../samples/decode-error.ts';

/*
 * Walks MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md) without building
 * values: what it has passed is complete, well-formed and no deeper than allowed, and every
 * length in it fits the bytes that are there. Only then may a decoder allocate by those lengths.
 */
export class MsgpackScanner {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #depthMax: number;
  readonly #isAnyText: boolean;
  at = 0;

  /** Texts must be UTF-8, or may be what our own encoder makes of halves of surrogate pairs. */
  constructor(bytes: Uint8Array, depthMax: number, texts: 'utf8' | 'any text' = 'utf8') {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#depthMax = depthMax;
    this.#isAnyText = texts === 'any text';
  }

  /** Passes one value. `depth` is the number of values it lies in. */
  skip(depth = 0): void {
    const members = this.#head();
    if (members === 0) return;
    if (depth === this.#depthMax) {
      throw new DecodeError('too_deep', `more than ${this.#depthMax} levels at byte ${this.at}`);
    }
    for (let left = members; left > 0; left -= 1) this.skip(depth + 1);
  }

  /** Passes the head of an array and returns its length; undefined when it is something else. */
  array(): number | undefined {
    const head = this.#peek();
    const isArray = (head & 0xf0) === 0x90 || head === 0xdc || head === 0xdd;
    return isArray ? this.#head() : undefined;
  }

  /** Passes the head of a map and returns its pairs; undefined when it is something else. */
  map(): number | undefined {
    const head = this.#peek();
    const isMap = (head & 0xf0) === 0x80 || head === 0xde || head === 0xdf;
    return isMap ? this.#head() / 2 : undefined;
  }

  /**
   * Passes a scalar whole, or the head of an array or map, whose members (a pair has two) it
   * returns. Each takes a byte at least: more than there are bytes left is a lie.
   */
  #head(): number {
    const head = this.#byte();
    if (head < 0x80 || head >= 0xe0) return 0;
    if (head < 0x90) return this.#members((head & 0x0f) * 2);
    if (head < 0xa0) return this.#members(head & 0x0f);
    if (head < 0xc0) return this.#text(head & 0x1f);
    switch (head) {
      case 0xc0:
      case 0xc2:
      case 0xc3:
        return 0;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.#pass(this.#length(1 << (head - 0xc4)));
      case 0xc7:
      case 0xc8:
      case 0xc9:
        return this.#pass(this.#length(1 << (head - 0xc7)) + 1);
      case 0xca:
        return this.#pass(4);
      case 0xcb:
        return this.#pass(8);
      case 0xcc:
      case 0xcd:
      case 0xce:
      case 0xcf:
        return this.#pass(1 << (head - 0xcc));
      case 0xd0:
      case 0xd1:
      case 0xd2:
      case 0xd3:
        return this.#pass(1 << (head - 0xd0));
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return this.#pass((1 << (head - 0xd4)) + 1);
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#text(this.#length(1 << (head - 0xd9)));
      case 0xdc:
      case 0xdd:
        return this.#members(this.#length(2 << (head - 0xdc)));
      case 0xde:
      case 0xdf:
        return this.#members(this.#length(2 << (head - 0xde)) * 2);
      default:
        throw this.malformed('0xc1 is no MessagePack value');
    }
  }

  #peek(): number {
    if (this.at >= this.#bytes.length) throw this.malformed('the MessagePack is cut off');
    return this.#bytes[this.at]!;
  }

  #byte(): number {
    const byte = this.#peek();
    this.at += 1;
    return byte;
  }

  #length(width: number): number {
    const at = this.at;
    this.#pass(width);
    if (width === 1) return this.#view.getUint8(at);
    return width === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at);
  }

  #members(count: number): number {
    if (count > this.#bytes.length - this.at) throw this.malformed('an array or map is cut off');
    return count;
  }

  #text(length: number): 0 {
    const start = this.at;
    this.#pass(length);
    if (this.#isAnyText) return 0;
    for (let i = start; i < this.at; i += 1) {
      if (this.#bytes[i]! < 0x80) continue;
      if (isUtf8(this.#bytes.subarray(start, this.at))) return 0;
      throw new DecodeError('invalid_utf8', `the text at byte ${start} is not UTF-8`);
    }
    return 0;
  }

  #pass(length: number): 0 {
    if (length > this.#bytes.length - this.at) throw this.malformed('a value is cut off');
    this.at += length;
    return 0;
  }

  malformed(what: string, cause?: unknown): DecodeError {
    return new DecodeError('malformed_msgpack', `${what}, at byte ${this.at}`, cause);
  }
}
