import type { Clock } from '@millrace/runtime';
import { closedStream, misuse, outOfRange, partitionName } from '../stream-error.ts';
import type { PartitionReader, StreamRecord, Topic } from '../stream.ts';
import { ReadWindow } from './read-window.ts';
import { errnoOf, translateFileError } from './segment-errors.ts';
import { corruptSegment, openSegment, type OpenSegment } from './segment-file-open.ts';
import type { SegmentFiles } from './segment-files.ts';
import {
  decodeFrameHeader,
  FRAME_HEADER_BYTES,
  frameBytes,
  FrameKind,
  isPayloadSound,
  parseSegmentFileName,
  SEGMENT_HEADER_BYTES,
  type FrameHeader,
} from './segment-format.ts';
import type { PublishedEnd, SharedSlot } from './segment-shared.ts';
import type { SlotSignal } from './slot-signal.ts';

export type SegmentReaderParams = Readonly<{
  files: SegmentFiles;
  directory: string;
  topic: Topic;
  partition: number;
  position: number;
  slot: SharedSlot;
  signal: SlotSignal;
  clock: Clock;
  readBytesMax: number;
  onClose: () => void;
}>;

type NextParams = Readonly<{ bytesMax: number; waitMs: number; signal?: AbortSignal }>;

/** One segment while it is read. */
interface Cursor extends OpenSegment {
  window: ReadWindow;
  /** File byte of the next frame. */
  at: number;
  /** No byte at or above is looked at: it is not flushed, or not there. */
  limit: number;
}

/** Room for frame headers when a piece is read for a given number of payload bytes. */
const HEADERS_BYTES = 16 * 1024;

/**
 * Reads one partition's files with a descriptor of its own, in any thread, never a byte beyond
 * what the owner published as flushed. So whatever fails its check here is damage.
 */
export class SegmentReader implements PartitionReader {
  readonly #params: SegmentReaderParams;
  readonly #where: string;
  #position: number;
  #end: number | undefined;
  #cursor: Cursor | undefined;
  #buffer: Buffer<ArrayBuffer> = Buffer.alloc(0);
  #busy = false;
  #closed = false;

  constructor(params: SegmentReaderParams) {
    this.#params = params;
    this.#where = partitionName(params.topic, params.partition);
    this.#position = params.position;
  }

  get end(): number | undefined {
    return this.#end;
  }

  async next(params: NextParams): Promise<readonly StreamRecord[]> {
    if (this.#busy) throw misuse(`${this.#where}: next was called before the last one settled.`);
    this.#busy = true;
    try {
      await this.#params.signal.wait({
        clock: this.#params.clock,
        waitMs: params.waitMs,
        signal: params.signal,
        ready: () => this.#published() !== undefined,
      });
      const published = this.#published();
      this.#end = published?.end ?? this.#params.slot.read()?.end;
      return published === undefined ? [] : await this.#read(published, params.bytesMax);
    } catch (error) {
      if (params.signal?.aborted === true) throw params.signal.reason;
      throw error;
    } finally {
      this.#busy = false;
      if (this.#closed) await this.#dropCursor();
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#params.onClose();
    this.#params.signal.wake();
    if (!this.#busy) await this.#dropCursor();
  }

  /** What is published, when there is a record for this reader in it. */
  #published(): PublishedEnd | undefined {
    if (this.#closed) throw closedStream(`The reader of ${this.#where}`);
    const published = this.#params.slot.read();
    if (published === undefined) return undefined;
    if (this.#position < published.start || this.#position > published.end) {
      throw outOfRange(this.#where, this.#position, published);
    }
    return this.#position < published.end ? published : undefined;
  }

  async #read(published: PublishedEnd, bytesMax: number): Promise<StreamRecord[]> {
    for (;;) {
      const cursor = await this.#openCursor(published);
      const isOpen = cursor.header.base === published.base;
      cursor.limit = isOpen ? published.flushedBytes : await this.#sizeOf(cursor);
      const records = await this.#parse(cursor, bytesMax);
      if (records.length > 0) return records;
      // Only an end frame leads here: the next record is in the next segment.
      await this.#dropCursor();
    }
  }

  /** The records from the cursor on; none when the segment's end frame comes first. */
  async #parse(cursor: Cursor, bytesMax: number): Promise<StreamRecord[]> {
    const records: StreamRecord[] = [];
    let bytes = 0;
    await this.#loadPiece(cursor, bytesMax);
    for (;;) {
      // Nothing is loaded once there are records: they lie in the buffer it would overwrite.
      const frame = await this.#frameAt(cursor, records.length === 0);
      if (frame === undefined || frame.kind === FrameKind.end) return records;
      const next = cursor.at + frameBytes(frame.payloadBytes);
      if (frame.offset < this.#position) {
        cursor.at = next;
        continue;
      }
      if (frame.offset !== this.#position) {
        throw this.#corrupt(cursor, `it holds offset ${frame.offset}`);
      }
      if (records.length > 0 && bytes + frame.payloadBytes > bytesMax) return records;
      if (!(await this.#hasFrame(cursor, next, records.length === 0))) return records;
      records.push(this.#takeRecord(cursor, frame));
      bytes += frame.payloadBytes;
      cursor.at = next;
      this.#position += 1;
      if (cursor.at === cursor.limit) return records;
    }
  }

  /** Reads the next piece of the file, unless enough of it is in memory. */
  async #loadPiece(cursor: Cursor, bytesMax: number): Promise<void> {
    const wanted = Math.min(bytesMax + HEADERS_BYTES, this.#params.readBytesMax);
    const until = Math.min(cursor.limit, cursor.at + wanted);
    // A few large reads: what is left of the last piece is used up before the next is read.
    if (cursor.window.end >= cursor.at + wanted / 2 || cursor.window.end >= until) return;
    await this.#load(cursor, until);
  }

  async #frameAt(cursor: Cursor, mayLoad: boolean): Promise<FrameHeader | undefined> {
    const headerEnd = cursor.at + FRAME_HEADER_BYTES;
    if (headerEnd > cursor.limit) throw this.#corrupt(cursor, 'it ends too early');
    if (headerEnd > cursor.window.end) {
      if (!mayLoad) return undefined;
      await this.#load(cursor, Math.min(cursor.limit, cursor.at + this.#params.readBytesMax));
    }
    const { window, at: position } = cursor;
    const { salt } = cursor.header;
    const frame =
      headerEnd > window.end
        ? undefined
        : decodeFrameHeader(window.buffer, window.indexOf(position), { position, salt });
    if (frame === undefined) throw this.#corrupt(cursor, 'its header fails its check');
    return frame;
  }

  /** Whether the frame up to `end` is in memory, after loading it if that is allowed. */
  async #hasFrame(cursor: Cursor, end: number, mayLoad: boolean): Promise<boolean> {
    if (end <= cursor.window.end) return true;
    if (end > cursor.limit) throw this.#corrupt(cursor, 'it reaches beyond the flushed bytes');
    if (!mayLoad) return false;
    await this.#load(cursor, end);
    if (end > cursor.window.end) throw this.#corrupt(cursor, 'the file ends within it');
    return true;
  }

  #takeRecord(cursor: Cursor, frame: FrameHeader): StreamRecord {
    const { window } = cursor;
    const at = window.indexOf(cursor.at);
    if (!isPayloadSound(window.buffer, at, { header: frame, salt: cursor.header.salt })) {
      throw this.#corrupt(cursor, 'its payload fails its check');
    }
    const payloadAt = at + FRAME_HEADER_BYTES;
    const { buffer, byteOffset } = window.buffer;
    // Not a Buffer: its `slice` does not copy, as that of any other Uint8Array does.
    const payload = new Uint8Array(buffer, byteOffset + payloadAt, frame.payloadBytes);
    return { offset: frame.offset, appendTimeUs: frame.appendTimeUs, payload };
  }

  async #openCursor(published: PublishedEnd): Promise<Cursor> {
    if (this.#cursor !== undefined) return this.#cursor;
    const { files, directory } = this.#params;
    try {
      const base = await this.#findBase();
      const segment = await openSegment({ files, directory, where: this.#where, base }, 'read');
      const window = new ReadWindow(segment.file, this.#buffer);
      this.#cursor = { ...segment, window, at: SEGMENT_HEADER_BYTES, limit: 0 };
      return this.#cursor;
    } catch (error) {
      const held = this.#params.slot.read() ?? published;
      // Forgotten between the look at the bounds and the look at the files.
      if (this.#position < held.start) throw outOfRange(this.#where, this.#position, held);
      throw this.#translate(error, 'open the segment');
    }
  }

  /** The base of the segment that holds the position: the last one not above it. */
  async #findBase(): Promise<number> {
    let found = -1;
    for (const name of await this.#params.files.list(this.#params.directory)) {
      const base = parseSegmentFileName(name);
      if (base !== undefined && base <= this.#position && base > found) found = base;
    }
    if (found >= 0) return found;
    throw corruptSegment({
      where: this.#where,
      path: this.#params.directory,
      byte: 0,
      detail: `no segment holds offset ${this.#position}`,
    });
  }

  async #load(cursor: Cursor, until: number): Promise<void> {
    try {
      await cursor.window.load(cursor.at, until);
    } catch (error) {
      throw this.#translate(error, `read ${cursor.path}`);
    }
  }

  async #sizeOf(cursor: Cursor): Promise<number> {
    try {
      return await cursor.file.size();
    } catch (error) {
      throw this.#translate(error, `read ${cursor.path}`);
    }
  }

  async #dropCursor(): Promise<void> {
    const cursor = this.#cursor;
    if (cursor === undefined) return;
    this.#cursor = undefined;
    this.#buffer = cursor.window.buffer;
    await cursor.file.close();
  }

  #corrupt(cursor: Cursor, detail: string): Error {
    return corruptSegment({
      where: this.#where,
      path: cursor.path,
      byte: cursor.at,
      detail: `the frame of offset ${this.#position} is unsound: ${detail}`,
    });
  }

  #translate(error: unknown, doing: string): Error {
    return translateFileError(error, {
      where: this.#where,
      doing: errnoOf(error) === '' ? doing : `${doing} for position ${this.#position}`,
      effect: 'Nothing was skipped.',
    });
  }
}
