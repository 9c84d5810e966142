import { compress } from 'snappyjs';
import { DecodeError } from './samples/decode-error.ts';

/*
 * Snappy's block format (https://github.com/google/snappy/blob/main/format_description.txt):
 * the uncompressed length as a varint, then elements. An element's lowest two bits tell
 *   0  literal: (tag >> 2) + 1 bytes follow; 60..63 mean the length is in 1..4 bytes behind it
 *   1  copy of 4..11 bytes from up to 2 KiB back     2 bytes
 *   2  copy of 1..64 bytes from up to 64 KiB back    3 bytes
 *   3  copy of 1..64 bytes from up to 4 GiB back     5 bytes
 */

/** Room behind the output: copies are made of eight bytes at a time and may pass its end. */
const SLACK_BYTES = 8;

/** No element makes more out of its bytes: a copy of 64 takes three. */
const EXPANSION_MAX = 22;

/** From here on the engine's own copy is faster than a loop. */
const LONG_LITERAL_BYTES = 128;

/** What `uncompressSnappy` needs of `into` for an output of this length. */
export function snappyBufferBytes(uncompressedBytes: number): number {
  return uncompressedBytes + SLACK_BYTES;
}

/**
 * Uncompresses a block. The result lies in `into` when that is large enough (then it is valid
 * until the next use of `into`), otherwise in a new buffer that can be the next `into`.
 *
 * @throws DecodeError `body_bomb` when the block claims more than `bytesMax`, before anything is
 *   allocated; `malformed_snappy` for whatever no compressor writes.
 */
export function uncompressSnappy(
  body: Uint8Array,
  bytesMax: number,
  into?: Uint8Array,
): Uint8Array {
  const { length, at } = claimedLength(body);
  if (length > bytesMax) {
    throw new DecodeError(
      'body_bomb',
      `the body would have ${length} bytes once decompressed, the limit is ${bytesMax}`,
    );
  }
  if (length > body.length * EXPANSION_MAX) {
    throw malformed(`${body.length} bytes cannot become the ${length} that are claimed`, 0);
  }
  const size = snappyBufferBytes(length);
  const output = into !== undefined && into.length >= size ? into : new Uint8Array(size);
  uncompressElements(body, at, output, length);
  return output.subarray(0, length);
}

/** Compresses into one block. */
export function compressSnappy(plain: Uint8Array): Uint8Array {
  return compress(plain);
}

/** How long a block says that it becomes, and where its elements begin. */
export function claimedLength(body: Uint8Array): { length: number; at: number } {
  let length = 0;
  for (let at = 0; at < 5; at += 1) {
    const byte = body[at];
    if (byte === undefined) throw malformed('the length is cut off', at);
    length += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80) {
      if (length > 0xffff_ffff) break;
      return { length, at: at + 1 };
    }
  }
  throw malformed('the length does not fit 32 bits', 0);
}

function uncompressElements(
  body: Uint8Array,
  start: number,
  output: Uint8Array,
  length: number,
): void {
  const input = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const target = new DataView(output.buffer, output.byteOffset, output.byteLength);
  const end = body.length;
  let at = start;
  let to = 0;
  while (at < end) {
    const tag = body[at]!;
    const kind = tag & 3;
    at += 1;
    if (kind === 0) {
      let literal = (tag >>> 2) + 1;
      if (literal > 60) {
        const lengthBytes = literal - 60;
        if (at + lengthBytes > end) throw malformed('a literal is cut off', at);
        literal = littleEndian(body, at, lengthBytes) + 1;
        at += lengthBytes;
      }
      if (literal > end - at) throw malformed('a literal is cut off', at);
      if (literal > length - to) throw malformed('there is more than was claimed', at);
      if (literal > LONG_LITERAL_BYTES || literal + SLACK_BYTES > end - at) {
        output.set(body.subarray(at, at + literal), to);
      } else {
        for (let i = 0; i < literal; i += 8) {
          const eight = input.getFloat64(at + i, true);
          if (isNumber(eight)) target.setFloat64(to + i, eight, true);
          else copyHalves(input, at + i, target, to + i);
        }
      }
      at += literal;
      to += literal;
      continue;
    }
    const extra = kind === 3 ? 4 : kind;
    if (at + extra > end) throw malformed('a copy is cut off', at);
    let count = (tag >>> 2) + 1;
    let back: number;
    if (kind === 1) {
      count = ((tag >>> 2) & 7) + 4;
      back = ((tag >>> 5) << 8) | body[at]!;
    } else if (kind === 2) {
      back = body[at]! | (body[at + 1]! << 8);
    } else {
      back = littleEndian(body, at, 4);
    }
    at += extra;
    if (back === 0 || back > to) throw malformed('a copy reaches before the start', at);
    if (count > length - to) throw malformed('there is more than was claimed', at);
    const from = to - back;
    if (back >= 8) {
      for (let i = 0; i < count; i += 8) {
        const eight = target.getFloat64(from + i, true);
        if (isNumber(eight)) target.setFloat64(to + i, eight, true);
        else copyHalves(target, from + i, target, to + i);
      }
    } else {
      // Source and target overlap: each byte may be one that this copy has written.
      for (let i = 0; i < count; i += 1) output[to + i] = output[from + i]!;
    }
    to += count;
  }
  if (to !== length) throw malformed(`${length} bytes were claimed, ${to} are there`, at);
}

/** Eight bytes go as one double: halves take half as long again. Only of NaN may bits be lost. */
function isNumber(eight: number): boolean {
  return eight === eight;
}

function copyHalves(input: DataView, at: number, target: DataView, to: number): void {
  target.setInt32(to, input.getInt32(at));
  target.setInt32(to + 4, input.getInt32(at + 4));
}

function littleEndian(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let i = count - 1; i >= 0; i -= 1) value = value * 256 + bytes[at + i]!;
  return value;
}

function malformed(what: string, at: number): DecodeError {
  return new DecodeError('malformed_snappy', `${what}, at byte ${at}`);
}
