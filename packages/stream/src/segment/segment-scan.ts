import {
  decodeFrameHeader,
  FRAME_ALIGN_BYTES,
  FRAME_HEADER_BYTES,
  frameBytes,
  FrameKind,
  isPayloadSound,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
} from './segment-format.ts';
import { ReadWindow } from './read-window.ts';
import type { SegmentFile } from './segment-files.ts';

/** What a segment file holds, from its first frame to the last sound one. */
export interface ScannedSegment {
  /** Byte after the last sound record or end frame. A seal is not counted in. */
  endBytes: number;
  /** The next record's offset. */
  endOffset: number;
  /** Everything below this byte was flushed once: a frame or a seal says so. */
  witnessedBytes: number;
  /** The offset of the first record at or above `witnessedBytes`. */
  witnessedOffset: number;
  /** True when the segment is closed by an end frame. */
  ended: boolean;
  /** Bytes after `endBytes` that are not zero and not a seal: a torn group. */
  tornBytes: number;
  /**
   * Set when the bytes after `endBytes` cannot be a torn group: the frame at byte `witness` was
   * written after they were flushed.
   */
  damage?: { witness: number };
}

/** Where to begin: the witnessed end of an earlier scan of the same segment. */
export type ScanStart = Readonly<{ bytes: number; offset: number }>;

const CHUNK_BYTES = 1024 * 1024;

/**
 * Reads a segment from `from`, its first frame, and tells what follows the last sound one.
 *
 * Groups are written one after the other, each only when the one before was flushed, and every
 * frame names the byte where its group begins. So of an unsound frame at byte B there are two
 * readings. If any sound frame further on has a group above B, B was flushed before that frame was
 * written: the bytes are damaged, and acknowledged records may be among them. If there is none,
 * B belongs to the last group written, nothing shows that its flush ever returned, and after a
 * power cut its pages may be on the device in any selection: it is torn, and its records were never
 * acknowledged. Sound frames of that same group after B prove nothing.
 */
export async function scanSegment(
  file: SegmentFile,
  header: SegmentHeader,
  from: ScanStart = { bytes: SEGMENT_HEADER_BYTES, offset: header.base },
): Promise<ScannedSegment> {
  const size = await file.size();
  const window = new ReadWindow(file);
  const found: ScannedSegment = {
    endBytes: from.bytes,
    endOffset: from.offset,
    witnessedBytes: from.bytes,
    witnessedOffset: from.offset,
    ended: false,
    tornBytes: 0,
  };
  let position = from.bytes;
  while (!found.ended) {
    const frame = await readFrame(window, { position, size, salt: header.salt });
    if (frame === undefined) break;
    const begins = frame.group === position;
    if (frame.offset !== found.endOffset || (!begins && frame.group !== found.witnessedBytes)) {
      // A torn group cannot make a sound frame, so this one was never written here by a log.
      found.damage = { witness: position };
      return found;
    }
    if (begins) {
      found.witnessedBytes = position;
      found.witnessedOffset = frame.offset;
    }
    position += frameBytes(frame.payloadBytes);
    if (frame.kind === FrameKind.seal) break;
    found.endBytes = position;
    if (frame.kind === FrameKind.end) found.ended = true;
    else found.endOffset += 1;
  }
  await judgeRest(window, { found, position, size, salt: header.salt });
  return found;
}

/** The sound frame at `position` with its payload checked, or undefined. */
async function readFrame(
  window: ReadWindow,
  params: Readonly<{ position: number; size: number; salt: number }>,
): Promise<ReturnType<typeof decodeFrameHeader>> {
  const { position, size, salt } = params;
  if (position + FRAME_HEADER_BYTES > size) return undefined;
  await ensure(window, position, position + FRAME_HEADER_BYTES, size);
  const frame = decodeFrameHeader(window.buffer, window.indexOf(position), { position, salt });
  if (frame === undefined) return undefined;
  const end = position + frameBytes(frame.payloadBytes);
  if (end > size) return undefined;
  await ensure(window, position, end, size);
  const at = window.indexOf(position);
  return isPayloadSound(window.buffer, at, { header: frame, salt }) ? frame : undefined;
}

async function ensure(
  window: ReadWindow,
  position: number,
  until: number,
  size: number,
): Promise<void> {
  if (until <= window.end) return;
  await window.load(position, Math.min(size, Math.max(until, position + CHUNK_BYTES)));
}

/** Sets `tornBytes` and `damage` from what lies after the last sound frame. */
async function judgeRest(
  window: ReadWindow,
  params: Readonly<{ found: ScannedSegment; position: number; size: number; salt: number }>,
): Promise<void> {
  const { found, position: bad, size, salt } = params;
  for (let at = bad; at < size;) {
    const end = await window.load(at, Math.min(size, at + CHUNK_BYTES));
    const chunk = window.buffer.subarray(window.indexOf(at), window.indexOf(end));
    for (let i = 0; i < chunk.length; i += FRAME_ALIGN_BYTES) {
      if (isZero(chunk, i)) continue;
      found.tornBytes = at + Math.min(chunk.length, i + FRAME_ALIGN_BYTES) - bad;
      if (i + FRAME_HEADER_BYTES > chunk.length) continue;
      const frame = decodeFrameHeader(chunk, i, { position: at + i, salt });
      if (frame !== undefined && frame.group > bad) {
        found.damage = { witness: at + i };
        return;
      }
    }
    // The last header may reach into the next chunk, which therefore begins with it.
    at = end === size ? size : end - FRAME_HEADER_BYTES;
  }
}

/** Whether the 8 bytes at `at`, or as many as there are, are zero. */
function isZero(chunk: Buffer, at: number): boolean {
  const end = Math.min(chunk.length, at + FRAME_ALIGN_BYTES);
  for (let i = at; i < end; i += 1) if (chunk[i] !== 0) return false;
  return true;
}
