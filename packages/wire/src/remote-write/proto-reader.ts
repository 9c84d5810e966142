import { DecodeError } from '../samples/decode-error.ts';

/** Protobuf wire types that exist outside of groups, which no message of ours ever had. */
export const WireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** The tag of a field: what `ProtoReader.tag` returns for it. */
export function tagOf(field: number, wireType: number): number {
  return (field << 3) | wireType;
}

/**
 * Reads protobuf's wire format (https://protobuf.dev/programming-guides/encoding/) from bytes.
 * Nothing is allocated: a 64-bit number is left in `low` and `high`. Every method takes the end
 * of the message it reads in and throws `malformed_protobuf` rather than pass it.
 */
export class ProtoReader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  at: number;
  /** The halves of the last `varint64`, as signed 32-bit integers. */
  low = 0;
  high = 0;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
  }

  /** The next field's tag: its number, shifted left by three bits, and its wire type. */
  tag(end: number): number {
    const first = this.at < end ? this.bytes[this.at]! : 0x80;
    if (first >= 8 && first < 0x80) {
      this.at += 1;
      return first;
    }
    this.varint64(end);
    const tag = this.low >>> 0;
    if (this.high !== 0 || tag < 8) throw this.malformed('a field number is out of range');
    return tag;
  }

  /** A length-delimited field's end; the reader stands at its start. */
  length(end: number): number {
    const { bytes, at } = this;
    let length = at < end ? bytes[at]! : 0x80;
    if (length < 0x80) {
      this.at = at + 1;
    } else {
      this.varint64(end);
      if (this.high !== 0) throw this.malformed('a length is out of range');
      length = this.low >>> 0;
    }
    const fieldEnd = this.at + length;
    if (fieldEnd > end) throw this.malformed('a field is longer than its message');
    return fieldEnd;
  }

  /** Reads up to ten bytes into `low` and `high`. */
  varint64(end: number): void {
    const { bytes } = this;
    let { at } = this;
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (at >= end) throw this.malformed('a number is cut off');
      const byte = bytes[at]!;
      at += 1;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else if (shift < 63) high |= bits << (shift - 32);
      else if (bits > 1) throw this.malformed('a number has more than 64 bits');
      else high |= bits << 31;
      if (byte < 0x80) {
        this.at = at;
        this.low = low;
        this.high = high;
        return;
      }
    }
    throw this.malformed('a number has more than ten bytes');
  }

  /**
   * A varint as int64: exact while it fits 2^53, otherwise an infinity of its sign, because a
   * rounded time would name another sample.
   */
  int64(end: number): number {
    this.varint64(end);
    const { high } = this;
    if (high >= 0x200000) return Number.POSITIVE_INFINITY;
    if (high < -0x200000) return Number.NEGATIVE_INFINITY;
    return high * 0x1_0000_0000 + (this.low >>> 0);
  }

  /** A varint as int32 or enum: the lower half, as every protobuf library reads it. */
  int32(end: number): number {
    this.varint64(end);
    return this.low;
  }

  uint32(end: number): number {
    this.varint64(end);
    return this.low >>> 0;
  }

  sint32(end: number): number {
    this.varint64(end);
    return (this.low >>> 1) ^ -(this.low & 1);
  }

  uint64(end: number): bigint {
    this.varint64(end);
    if (this.high === 0) return BigInt(this.low >>> 0);
    return (BigInt(this.high >>> 0) << 32n) | BigInt(this.low >>> 0);
  }

  sint64(end: number): bigint {
    const zigzag = this.uint64(end);
    return zigzag & 1n ? -(zigzag >> 1n) - 1n : zigzag >> 1n;
  }

  double(end: number): number {
    const at = this.fixed64(end);
    return this.view.getFloat64(at, true);
  }

  /** Passes eight bytes and tells where they start. */
  fixed64(end: number): number {
    const { at } = this;
    if (at + 8 > end) throw this.malformed('a double is cut off');
    this.at = at + 8;
    return at;
  }

  /** Passes the content of a field that is not known. */
  skip(tag: number, end: number): void {
    switch (tag & 7) {
      case WireType.varint:
        this.varint64(end);
        return;
      case WireType.fixed64:
        this.fixed64(end);
        return;
      case WireType.bytes:
        this.at = this.length(end);
        return;
      case WireType.fixed32:
        if (this.at + 4 > end) throw this.malformed('a fixed 32-bit number is cut off');
        this.at += 4;
        return;
      default:
        throw this.malformed(`field ${tag >>> 3} has the unsupported wire type ${tag & 7}`);
    }
  }

  /**
   * Passes a field whose tag is none of the known ones. `known` has a bit for every field number
   * of the message: a known number of another wire type is no newer sender, but a broken one.
   */
  skipUnknown(tag: number, end: number, known: number): void {
    const field = tag >>> 3;
    if (field < 32 && (known & (1 << field)) !== 0) {
      throw this.malformed(`field ${field} has the wrong wire type ${tag & 7}`);
    }
    this.skip(tag, end);
  }

  malformed(what: string): DecodeError {
    return new DecodeError('malformed_protobuf', `${what}, at byte ${this.at}`);
  }
}
