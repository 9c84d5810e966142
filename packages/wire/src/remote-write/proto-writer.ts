import { tagOf, WireType } from './proto-reader.ts';

const NAN_HIGH = 0x7ff80000;

/** Writes protobuf's wire format into bytes that grow. */
export class ProtoWriter {
  #bytes: Buffer = Buffer.alloc(1024);
  #view: DataView = viewOf(this.#bytes);
  #at = 0;

  /** What was written; it does not share memory with the writer. */
  finish(): Uint8Array {
    return new Uint8Array(this.#bytes.subarray(0, this.#at));
  }

  /** Begins a length-delimited field and tells what `end` needs to close it. */
  begin(field: number): number {
    this.varint(tagOf(field, WireType.bytes));
    this.#reserve(1);
    this.#at += 1;
    return this.#at;
  }

  /** Closes the field: its length goes in front of it, which moves what is longer than 127. */
  end(start: number): void {
    const length = this.#at - start;
    let lengthBytes = 1;
    for (let rest = length; rest > 0x7f; rest >>>= 7) lengthBytes += 1;
    this.#reserve(lengthBytes);
    this.#bytes.copyWithin(start - 1 + lengthBytes, start, this.#at);
    this.#at = start - 1;
    this.varint(length);
    this.#at += length;
  }

  text(field: number, text: string): void {
    const length = Buffer.byteLength(text);
    this.varint(tagOf(field, WireType.bytes));
    this.varint(length);
    this.#reserve(length);
    this.#bytes.write(text, this.#at);
    this.#at += length;
  }

  /** A tag or an integer of at most 53 bits that is not negative. */
  varint(value: number): void {
    this.#reserve(10);
    let rest = value;
    while (rest > 0x7f) {
      this.#bytes[this.#at] = (rest % 0x80) | 0x80;
      this.#at += 1;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#at] = rest;
    this.#at += 1;
  }

  /** A negative one takes ten bytes, as in every int64 and int32 field. */
  int64(value: number): void {
    if (value >= 0) this.varint(value);
    else this.uint64(BigInt.asUintN(64, BigInt(value)));
  }

  uint64(value: bigint): void {
    this.#reserve(10);
    let rest = value;
    while (rest > 0x7fn) {
      this.#bytes[this.#at] = Number(rest & 0x7fn) | 0x80;
      this.#at += 1;
      rest >>= 7n;
    }
    this.#bytes[this.#at] = Number(rest);
    this.#at += 1;
  }

  sint64(value: bigint): void {
    this.uint64(value < 0n ? ((-value - 1n) << 1n) | 1n : value << 1n);
  }

  sint32(value: number): void {
    this.varint(((value << 1) ^ (value >> 31)) >>> 0);
  }

  /** NaN gets one form of its own, the quiet one: a number does not tell which it had. */
  double(value: number): void {
    if (Number.isNaN(value)) this.doubleBits(NAN_HIGH, 0);
    else {
      this.#reserve(8);
      this.#view.setFloat64(this.#at, value, true);
      this.#at += 8;
    }
  }

  doubleBits(high: number, low: number): void {
    this.#reserve(8);
    this.#view.setUint32(this.#at, low, true);
    this.#view.setUint32(this.#at + 4, high, true);
    this.#at += 8;
  }

  #reserve(length: number): void {
    if (this.#at + length <= this.#bytes.length) return;
    const bytes = Buffer.alloc(Math.max(this.#bytes.length * 2, this.#at + length));
    bytes.set(this.#bytes);
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
