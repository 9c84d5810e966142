import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import { MillraceError } from '@millrace/runtime';
import type { FilePlace, RecordSink } from './record-sink.ts';

/** Reads records out of text, as it comes. */
export interface TextReader {
  /**
   * Reads whole records from the front of `text`, which begins at the place, and tells how many
   * bytes they take. What is left comes again with more behind it, unless it is the last.
   */
  take(text: Buffer, at: FilePlace, isLast: boolean): number;
}

/** How text is read. */
export interface TextReading {
  path: string;
  from: FilePlace;
  sink: RecordSink;
  signal: AbortSignal;
  /** Told of all bytes, also of those before `from`, without gzip. */
  onBytes?: (bytes: Buffer) => void;
}

/** Bytes of one record; more are a fault of the file, and are passed over. */
export const RECORD_BYTES_MAX: number = 1024 * 1024;
const BLOCK_BYTES = 256 * 1024;
const NEWLINE = 0x0a;
const GZIP = [0x1f, 0x8b];

/** @throws MillraceError BACKFILL_FILE_UNREADABLE. */
async function isGzip(path: string): Promise<boolean> {
  const head = await readHead(path, 2);
  return head[0] === GZIP[0] && head[1] === GZIP[1];
}

/** The first bytes of a file, as they lie there. @throws MillraceError BACKFILL_FILE_UNREADABLE. */
export async function readHead(path: string, bytes: number): Promise<Buffer> {
  return await reading(path, async () => {
    const file = await open(path);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  });
}

/** The first bytes of a file, without gzip. @throws MillraceError BACKFILL_FILE_UNREADABLE. */
export async function readTextHead(path: string, bytes: number): Promise<Buffer> {
  const { signal } = new AbortController();
  const head: Buffer[] = [];
  let length = 0;
  for await (const block of blocksOf(path, { signal, start: 0 })) {
    head.push(block);
    length += block.length;
    if (length >= bytes) break;
  }
  return Buffer.concat(head).subarray(0, bytes);
}

/**
 * Reads a file from a place to its end, and holds a few blocks of it at a time.
 *
 * @throws MillraceError BACKFILL_FILE_UNREADABLE.
 */
export async function readText(reader: TextReader, params: TextReading): Promise<void> {
  const { path, from, sink, signal, onBytes } = params;
  // What is passed over has to be read all the same where somebody wants to know all bytes.
  const canSkip = onBytes === undefined && !(await isGzip(path));
  const start = canSkip ? from.offset : 0;
  const at = { ...from };
  const cutter = new RecordCutter(reader, sink, at);
  let passed = start;
  for await (const block of blocksOf(path, { signal, start })) {
    onBytes?.(block);
    const skip = Math.min(block.length, Math.max(0, from.offset - passed));
    passed += block.length;
    if (skip === block.length) continue;
    cutter.take(block.subarray(skip), false);
    await sink.drained();
  }
  cutter.take(Buffer.alloc(0), true);
  await sink.drained();
}

/** Tells all bytes of a file, without gzip. @throws MillraceError BACKFILL_FILE_UNREADABLE. */
export async function readAllBytes(
  path: string,
  onBytes: (bytes: Buffer) => void,
  signal: AbortSignal,
): Promise<void> {
  for await (const block of blocksOf(path, { signal, start: 0 })) onBytes(block);
}

async function* blocksOf(
  path: string,
  { signal, start }: Readonly<{ signal: AbortSignal; start: number }>,
): AsyncGenerator<Buffer> {
  const isPacked = await isGzip(path);
  const file = createReadStream(path, { start, highWaterMark: BLOCK_BYTES });
  const unpacked = isPacked ? file.pipe(createGunzip({ chunkSize: BLOCK_BYTES })) : file;
  // A pipe does not hand on what goes wrong before it.
  if (isPacked) file.once('error', (error) => unpacked.destroy(error));
  const blocks = unpacked[Symbol.asyncIterator]();
  try {
    for (;;) {
      signal.throwIfAborted();
      const next = await reading(path, async () => await blocks.next());
      if (next.done === true) return;
      yield next.value as Buffer;
    }
  } finally {
    unpacked.destroy();
    file.destroy();
  }
}

/** Hands whole records to the reader, whatever the blocks. */
export class RecordCutter {
  readonly #reader: TextReader;
  readonly #sink: RecordSink;
  readonly #at: FilePlace;
  #rest: Buffer = Buffer.alloc(0);
  /** Looking for the end of a record that is too long. */
  #isSkipping = false;

  constructor(reader: TextReader, sink: RecordSink, at: FilePlace) {
    this.#reader = reader;
    this.#sink = sink;
    this.#at = at;
  }

  take(block: Buffer, isLast: boolean): void {
    let text = this.#rest.length === 0 ? block : Buffer.concat([this.#rest, block]);
    if (this.#isSkipping) text = this.#skip(text);
    while (text.length > 0) {
      const taken = this.#reader.take(text, this.#at, isLast);
      this.#pass(text, taken);
      text = text.subarray(taken);
      if (text.length <= RECORD_BYTES_MAX) break;
      this.#sink.fault({
        line: this.#at.line,
        column: undefined,
        what: `a record of more than ${RECORD_BYTES_MAX} bytes begins here`,
        expected: 'shorter ones; if it is not one record, look for a quote that is not closed',
      });
      this.#isSkipping = true;
      text = this.#skip(text);
    }
    // A copy: what is left is little, and the block it lies in is not.
    this.#rest = Buffer.from(text);
  }

  #pass(text: Buffer, taken: number): void {
    this.#at.offset += taken;
    for (let i = text.indexOf(NEWLINE); i >= 0 && i < taken; i = text.indexOf(NEWLINE, i + 1)) {
      this.#at.line += 1;
    }
  }

  #skip(text: Buffer): Buffer {
    const newline = text.indexOf(NEWLINE);
    const end = newline < 0 ? text.length : newline + 1;
    this.#pass(text, end);
    if (newline >= 0) {
      this.#isSkipping = false;
      this.#sink.recordEnd(this.#at.offset, this.#at.line);
    }
    return text.subarray(end);
  }
}

async function reading<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    const detail = error instanceof Error ? error.message : String(error);
    throw new MillraceError({
      code: 'BACKFILL_FILE_UNREADABLE',
      kind: 'permanent',
      message: `${path} cannot be read (${detail}).`,
      remedy: 'Look at the file: whether it is there, whole, and may be read by you.',
      cause: error,
    });
  }
}
