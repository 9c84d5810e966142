import { encodeFrame, frameBytes, FrameKind } from './segment-format.ts';
import type { SegmentSettings } from './segment-settings.ts';
import type { SegmentTail } from './segment-tail.ts';

/** A group ready to be written. */
export interface StagedGroup {
  /** Its frames, then the zeros to write ahead. */
  bytes: Buffer;
  /** How many of them are frames. */
  length: number;
  /** How many records it has. */
  count: number;
}

/** A buffer larger than this is not kept for the next group. */
const KEPT_BYTES_MAX = 1024 * 1024;
const KEPT_BYTES_MIN = 64 * 1024;

/** Puts the frames of one partition's groups together, in one buffer that is used again. */
export class GroupStaging {
  readonly #settings: SegmentSettings;
  #buffer: Buffer = Buffer.alloc(0);

  constructor(settings: SegmentSettings) {
    this.#settings = settings;
  }

  /**
   * The first of the queue, as many as one group and what is left of the segment take, and at
   * least one. The result is valid until the next call.
   */
  stage(
    queue: readonly Readonly<{ payload: Uint8Array }>[],
    place: Readonly<{ tail: SegmentTail; offset: number; appendTimeUs: number }>,
  ): StagedGroup {
    const { tail } = place;
    const room = this.#settings.segmentBytes - tail.flushedBytes - frameBytes(0);
    const { count, length } = this.#count(queue, room);
    const total = length + this.#aheadOf(length, { tail, room });
    const buffer = this.#take(total);
    let at = 0;
    for (let i = 0; i < count; i += 1) {
      at = encodeFrame(buffer, at, {
        kind: FrameKind.record,
        offset: place.offset + i,
        appendTimeUs: place.appendTimeUs,
        group: tail.flushedBytes,
        payload: queue[i]!.payload,
        salt: tail.salt,
      });
    }
    buffer.fill(0, length, total);
    return { bytes: buffer.subarray(0, total), length, count };
  }

  #count(
    queue: readonly Readonly<{ payload: Uint8Array }>[],
    room: number,
  ): Readonly<{ count: number; length: number }> {
    const bytesMax = Math.min(this.#settings.groupBytesMax, room);
    let length = 0;
    let count = 0;
    for (const { payload } of queue) {
      const bytes = frameBytes(payload.length);
      if (count > 0 && length + bytes > bytesMax) break;
      length += bytes;
      count += 1;
    }
    return { count, length };
  }

  #aheadOf(length: number, place: Readonly<{ tail: SegmentTail; room: number }>): number {
    // Where there is time for more, it is written when nothing waits.
    const aheadBytes = Math.floor(this.#settings.aheadBytes / 4);
    if (length * 4 > aheadBytes || !place.tail.needsAhead(length)) return 0;
    return Math.max(0, Math.min(aheadBytes, place.room - length));
  }

  #take(bytes: number): Buffer {
    if (bytes <= this.#buffer.length) return this.#buffer;
    const buffer = Buffer.allocUnsafeSlow(Math.max(bytes, KEPT_BYTES_MIN));
    if (buffer.length <= KEPT_BYTES_MAX) this.#buffer = buffer;
    return buffer;
  }
}
