import { crc32 } from 'node:zlib';

/**
 * A segment file: a header, then frames without gaps. All numbers little-endian; every frame
 * starts at a multiple of 8.
 *
 * ```
 * header   0         8          12       16               24          28        32
 *          | magic   | version  | salt   | base offset    | reserved  | crc     |
 *          | 8 bytes | uint32   | uint32 | uint64         | 0         | uint32  |
 *
 * frame    0         4          8         12       16       22      24               32
 *          | header  | payload  | payload | group  | offset | kind  | append time µs | payload,
 *          | crc     | crc      | bytes   | uint32 | uint48 | uint16| uint64         | zeros to 8
 * ```
 *
 * - Both checks of a frame are CRC-32 that start from the segment's random salt instead of 0, so
 *   bytes that a sender puts into a payload cannot pass for a frame, nor can a frame of another
 *   segment. The header's covers bytes 4 to 32, so also the payload's; the payload's covers the
 *   zeros behind it as well.
 * - *group* is the byte at which the frame's group begins. A group is written only after
 *   everything before it was flushed, so a valid frame is a witness: all bytes below its group
 *   were flushed once. That, and nothing else, tells a torn end from damage.
 * - *kinds*: `record`; `seal`, written where the next group will go when nothing waits, a witness
 *   for the last group and overwritten by the next; `end`, the last frame of a closed segment:
 *   zeros behind it are cut off some time later, or when the log is opened the next time (the
 *   builds before they were written take them for damage: see CHANGELOG.md before going back).
 *   The offset of a seal or an end is the next record's; their payload is empty.
 */
export const SEGMENT_HEADER_BYTES = 32;
export const FRAME_HEADER_BYTES = 32;
export const FRAME_ALIGN_BYTES = 8;
export const SEGMENT_VERSION = 1;

export const FrameKind = { record: 1, seal: 2, end: 3 } as const;
export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind];

export interface SegmentHeader {
  salt: number;
  base: number;
}

export interface FrameHeader {
  kind: FrameKind;
  offset: number;
  appendTimeUs: number;
  /** File byte of the group's first frame. */
  group: number;
  payloadBytes: number;
  payloadCrc: number;
}

const MAGIC = Buffer.from('MILLRSEG', 'latin1');

/** The file's name: its base offset in 20 digits, so that names sort as offsets do. */
export function segmentFileName(base: number): string {
  return `${String(base).padStart(20, '0')}.seg`;
}

/** The base offset of a segment's file name; undefined when it is not one. */
export function parseSegmentFileName(name: string): number | undefined {
  return /^\d{20}\.seg$/.test(name) ? Number(name.slice(0, 20)) : undefined;
}

/** Bytes of a whole frame with its zeros. */
export function frameBytes(payloadBytes: number): number {
  const bytes = FRAME_HEADER_BYTES + payloadBytes;
  return bytes + ((FRAME_ALIGN_BYTES - (bytes % FRAME_ALIGN_BYTES)) % FRAME_ALIGN_BYTES);
}

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  MAGIC.copy(bytes);
  bytes.writeUInt32LE(SEGMENT_VERSION, 8);
  bytes.writeUInt32LE(header.salt, 12);
  bytes.writeBigUInt64LE(BigInt(header.base), 16);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 28)), 28);
  return bytes;
}

/** The header, or what is wrong with it. */
export function decodeSegmentHeader(
  bytes: Buffer,
): SegmentHeader | 'short' | 'damaged' | { version: number } {
  if (bytes.length < SEGMENT_HEADER_BYTES) return 'short';
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) return 'damaged';
  if (bytes.readUInt32LE(28) !== crc32(bytes.subarray(0, 28))) return 'damaged';
  const version = bytes.readUInt32LE(8);
  if (version !== SEGMENT_VERSION) return { version };
  return { salt: bytes.readUInt32LE(12), base: Number(bytes.readBigUInt64LE(16)) };
}

/**
 * Writes one frame at `at` and returns where it ends. The target must have `frameBytes` room.
 */
export function encodeFrame(
  target: Buffer,
  at: number,
  frame: Readonly<{
    kind: FrameKind;
    offset: number;
    appendTimeUs: number;
    group: number;
    payload: Uint8Array;
    salt: number;
  }>,
): number {
  const { payload, salt } = frame;
  const end = at + frameBytes(payload.length);
  const payloadAt = at + FRAME_HEADER_BYTES;
  target.set(payload, payloadAt);
  target.fill(0, payloadAt + payload.length, end);
  target.writeUInt32LE(crc32(target.subarray(payloadAt, end), salt), at + 4);
  target.writeUInt32LE(payload.length, at + 8);
  target.writeUInt32LE(frame.group, at + 12);
  target.writeUIntLE(frame.offset, at + 16, 6);
  target.writeUInt16LE(frame.kind, at + 22);
  writeTimeUs(target, frame.appendTimeUs, at + 24);
  target.writeUInt32LE(crc32(target.subarray(at + 4, payloadAt), salt), at);
  return end;
}

/**
 * The frame header at `at`, which must have `FRAME_HEADER_BYTES` bytes behind it; undefined when
 * it fails its check. `position` is the file byte of `at`.
 */
export function decodeFrameHeader(
  bytes: Buffer,
  at: number,
  context: Readonly<{ position: number; salt: number }>,
): FrameHeader | undefined {
  const kind = bytes.readUInt16LE(at + 22);
  // Cheap looks first: a search for frames in damaged bytes asks this millions of times.
  if (kind !== FrameKind.record && kind !== FrameKind.seal && kind !== FrameKind.end) return;
  const group = bytes.readUInt32LE(at + 12);
  if (group > context.position || group < SEGMENT_HEADER_BYTES) return;
  const check = crc32(bytes.subarray(at + 4, at + FRAME_HEADER_BYTES), context.salt);
  if (check !== bytes.readUInt32LE(at)) return;
  return {
    kind,
    group,
    offset: bytes.readUIntLE(at + 16, 6),
    appendTimeUs: readTimeUs(bytes, at + 24),
    payloadBytes: bytes.readUInt32LE(at + 8),
    payloadCrc: bytes.readUInt32LE(at + 4),
  };
}

/** Whether the whole frame at `at` holds the payload, and zeros, that its header announces. */
export function isPayloadSound(
  bytes: Buffer,
  at: number,
  context: Readonly<{ header: FrameHeader; salt: number }>,
): boolean {
  const { header, salt } = context;
  const payload = bytes.subarray(at + FRAME_HEADER_BYTES, at + frameBytes(header.payloadBytes));
  return crc32(payload, salt) === header.payloadCrc;
}

function writeTimeUs(target: Buffer, timeUs: number, at: number): void {
  target.writeUInt32LE(timeUs % 2 ** 32, at);
  target.writeUInt32LE(Math.floor(timeUs / 2 ** 32), at + 4);
}

function readTimeUs(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at + 4) * 2 ** 32 + bytes.readUInt32LE(at);
}
