import type { SegmentFile, SegmentFiles } from './segment-files.ts';
import { errnoOf } from './segment-errors.ts';
import { encodeFrame, frameBytes, FrameKind, SEGMENT_HEADER_BYTES } from './segment-format.ts';
import type { OpenSegment } from './segment-file-open.ts';

const PAGE_BYTES = 4096;

/**
 * What must happen before the next write:
 * - `sound`: nothing.
 * - `reopen`: a flush failed. The kernel may have dropped what it could not write and will not
 *   say so again, so a later flush of the same pages proves nothing. The file is opened anew, cut
 *   to its flushed bytes, the page that holds the last of them is written again from memory, and
 *   only a flush of that counts.
 */
type TailState = 'sound' | 'reopen';

export type TailBytes = Readonly<{
  flushedBytes: number;
  /** Up to here the file has blocks. */
  filledBytes: number;
}>;

/** The open segment of a partition: the only place that writes to the log's files. */
export class SegmentTail {
  readonly path: string;
  readonly base: number;
  readonly salt: number;
  readonly #files: SegmentFiles;
  #file: SegmentFile;
  #state: TailState = 'sound';
  #flushedBytes: number;
  /** Up to here the file is known to have blocks (records, or zeros written ahead). */
  #filledBytes: number;
  /** The flushed bytes of the page that `#flushedBytes` lies in. */
  readonly #page: Buffer = Buffer.alloc(PAGE_BYTES);
  #ended = false;

  private constructor(files: SegmentFiles, segment: OpenSegment, bytes: TailBytes) {
    this.#files = files;
    this.#file = segment.file;
    this.path = segment.path;
    this.base = segment.header.base;
    this.salt = segment.header.salt;
    this.#flushedBytes = bytes.flushedBytes;
    this.#filledBytes = bytes.filledBytes;
  }

  /** A tail on a segment with so many bytes, of which those that are not records are zeros. */
  static async open(
    files: SegmentFiles,
    segment: OpenSegment,
    bytes: TailBytes,
  ): Promise<SegmentTail> {
    const tail = new SegmentTail(files, segment, bytes);
    const { flushedBytes } = bytes;
    const pageAt = alignDown(flushedBytes);
    await segment.file.read(tail.#page.subarray(0, flushedBytes - pageAt), pageAt);
    return tail;
  }

  get flushedBytes(): number {
    return this.#flushedBytes;
  }

  /** True when the end frame is flushed: it takes nothing more, a new segment must follow. */
  get ended(): boolean {
    return this.#ended;
  }

  get isEmpty(): boolean {
    return this.#flushedBytes === SEGMENT_HEADER_BYTES;
  }

  /** Up to here the file has blocks: a group that ends below it needs none. */
  get filledBytes(): number {
    return this.#filledBytes;
  }

  /** Whether a group of `length` bytes reaches beyond the blocks that the file has. */
  needsAhead(length: number): boolean {
    return this.#flushedBytes + length > this.#filledBytes;
  }

  /**
   * Makes durable the group in the first `length` bytes of `staging`; what follows there is
   * zeros, written ahead. When it rejects, nothing of the group counts.
   */
  async append(staging: Buffer, length: number): Promise<void> {
    await this.mend();
    try {
      await this.#writeThrough(staging, length);
    } catch (error) {
      // Whether the write or its flush failed cannot be told.
      this.#state = 'reopen';
      throw error;
    }
    this.#advance(staging.subarray(0, length));
  }

  /**
   * Writes zeros behind what the file has blocks for, so that the next groups find some. False,
   * and nothing done, when the file is not sound, or takes no more.
   */
  async fill(zeros: Buffer): Promise<boolean> {
    if (this.#state !== 'sound' || this.#ended) return false;
    try {
      await this.#file.writeThrough(zeros, this.#filledBytes);
    } catch (error) {
      this.#state = 'reopen';
      throw error;
    }
    this.#filledBytes += zeros.length;
    return true;
  }

  /** Closes the segment for good by its end frame. Zeros behind it are for `trim`. */
  async end(offset: number, nowUs: number): Promise<void> {
    await this.mend();
    const frame = this.#encodeMark(FrameKind.end, offset, nowUs);
    try {
      await this.#file.writeThrough(frame, this.#flushedBytes);
    } catch (error) {
      this.#state = 'reopen';
      throw error;
    }
    this.#advance(frame);
    this.#ended = true;
  }

  /** Gives back what lies behind the end frame. Nobody needs that to be done. */
  async trim(): Promise<void> {
    if (this.#ended) await this.#file.truncate(this.#flushedBytes);
  }

  /**
   * Notes, where the next group will go, that everything before was flushed. Does nothing when
   * that place is not sound, nor behind an end frame, which must stay the last.
   */
  async seal(offset: number, nowUs: number): Promise<void> {
    if (this.#state !== 'sound' || this.#ended) return;
    const frame = this.#encodeMark(FrameKind.seal, offset, nowUs);
    await this.#file.write(frame, this.#flushedBytes);
    this.#filledBytes = Math.max(this.#filledBytes, this.#flushedBytes + frame.length);
  }

  /** Makes a seal durable as well. Does nothing when the file is not sound. */
  async flush(): Promise<void> {
    if (this.#state === 'sound') await this.#flush();
  }

  /** Brings the file back to exactly its flushed bytes. Does nothing when it is sound. */
  async mend(): Promise<void> {
    if (this.#state === 'sound') return;
    const fresh = await this.#files.open(this.path, 'write');
    const old = this.#file;
    this.#file = fresh;
    await old.close();
    const pageAt = alignDown(this.#flushedBytes);
    await this.#file.truncate(this.#flushedBytes);
    await this.#file.write(this.#page.subarray(0, this.#flushedBytes - pageAt), pageAt);
    this.#filledBytes = this.#flushedBytes;
    await this.#flush();
    this.#state = 'sound';
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #writeThrough(staging: Buffer, length: number): Promise<void> {
    const at = this.#flushedBytes;
    try {
      await this.#file.writeThrough(staging, at);
      this.#filledBytes = Math.max(this.#filledBytes, at + staging.length);
    } catch (error) {
      if (staging.length === length || errnoOf(error) !== 'ENOSPC') throw error;
      // There was no room for the zeros; for the group itself there may be.
      await this.#file.writeThrough(staging.subarray(0, length), at);
      this.#filledBytes = at + length;
    }
  }

  async #flush(): Promise<void> {
    try {
      await this.#file.flush();
    } catch (error) {
      this.#state = 'reopen';
      throw error;
    }
  }

  #encodeMark(kind: FrameKind, offset: number, nowUs: number): Buffer {
    const frame = Buffer.alloc(frameBytes(0));
    const group = this.#flushedBytes;
    const payload = new Uint8Array(0);
    encodeFrame(frame, 0, {
      kind,
      offset,
      appendTimeUs: nowUs,
      group,
      payload,
      salt: this.salt,
    });
    return frame;
  }

  #advance(bytes: Buffer): void {
    const from = this.#flushedBytes;
    this.#flushedBytes += bytes.length;
    const pageAt = alignDown(this.#flushedBytes);
    if (pageAt >= from) this.#page.set(bytes.subarray(pageAt - from));
    else this.#page.set(bytes, from - pageAt);
  }
}

function alignDown(bytes: number): number {
  return bytes - (bytes % PAGE_BYTES);
}
