import type { StreamRecord } from '../../stream.ts';
import { compressionNames, findCodec, type CompressionName } from '../client/compression.ts';
import { crc32c } from '../produce/crc32c.ts';
import { AT, BATCH_HEADER_BYTES, LENGTH_END, MAGIC } from '../produce/record-batch.ts';
import { readInt64 } from '../client/wire-bytes.ts';

/** Bytes that are not what a broker holds: damaged, or of a format we do not know. */
export class RecordSetError extends Error {
  override readonly name = 'RecordSetError';
  readonly offset: number;
  readonly isUnknownFormat: boolean;

  constructor(offset: number, detail: string, isUnknownFormat = false) {
    super(`the batch of offset ${offset} ${detail}`);
    this.offset = offset;
    this.isUnknownFormat = isUnknownFormat;
  }
}

/**
 * The whole batches at the front of what a fetch brought, and the position behind them. The last
 * batch of an answer may be cut off by its limit; a batch may also begin before the position that
 * was asked for. Only lengths are looked at here.
 */
export function measureRecordSet(bytes: Buffer): { bytes: number; next: number } | undefined {
  let at = 0;
  let next: number | undefined;
  while (at + BATCH_HEADER_BYTES <= bytes.length) {
    const end = at + LENGTH_END + bytes.readInt32BE(at + AT.length);
    if (end > bytes.length || end < at + BATCH_HEADER_BYTES) break;
    next = readInt64(bytes, at) + bytes.readInt32BE(at + AT.lastOffsetDelta) + 1;
    at = end;
  }
  return next === undefined ? undefined : { bytes: at, next };
}

const ATTRIBUTE = { compression: 7, logAppendTime: 8, control: 32 } as const;

/**
 * The records of one batch after another, decoded as they are taken. A log that is not compacted
 * has no gaps: a batch that does not follow on is refused, since records would be skipped. The
 * check of a batch does not cover the offset it begins at.
 */
export class RecordSet {
  readonly #bytes: Buffer;
  /** Where the next batch begins. */
  #at = 0;
  /** The offset that it must have. */
  #next: number;
  #mayBeginBefore: boolean;
  #batch: Batch | undefined;
  #peeked: StreamRecord | undefined;
  #failure: { error: unknown } | undefined;

  /**
   * `bytes` as `measureRecordSet` counted them, of a fetch from `position`, which may lie within
   * the first batch unless it is known to be where the one before ended.
   */
  constructor(bytes: Buffer, from: Readonly<{ position: number; mayBeWithin: boolean }>) {
    this.#bytes = bytes;
    this.#next = from.position;
    this.#mayBeginBefore = from.mayBeWithin;
  }

  get length(): number {
    return this.#bytes.length;
  }

  /**
   * The next record at or above `position`, without taking it; undefined at the end. Payloads are
   * views: they stay valid.
   *
   * @throws RecordSetError.
   */
  async peek(position: number): Promise<StreamRecord | undefined> {
    // What comes behind something unreadable must never be taken for what comes next.
    if (this.#failure !== undefined) throw this.#failure.error;
    try {
      return await this.#find(position);
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }

  /** Drops the record that was peeked at. */
  take(): void {
    this.#peeked = undefined;
  }

  async #find(position: number): Promise<StreamRecord | undefined> {
    while (this.#peeked === undefined || this.#peeked.offset < position) {
      this.#batch ??= await this.#openBatch();
      if (this.#batch === undefined) return undefined;
      this.#peeked = takeRecord(this.#batch);
      if (this.#peeked === undefined) this.#batch = undefined;
    }
    return this.#peeked;
  }

  async #openBatch(): Promise<Batch | undefined> {
    while (this.#at < this.#bytes.length) {
      const rest = this.#bytes.subarray(this.#at);
      const bytes = rest.subarray(0, LENGTH_END + rest.readInt32BE(AT.length));
      this.#at += bytes.length;
      const batch = await openBatch(bytes);
      this.#checkFollows(bytes);
      // Marks of transactions are not records; none of ours makes one.
      if (batch !== undefined) return batch;
    }
    return undefined;
  }

  #checkFollows(batch: Buffer): void {
    const base = readInt64(batch, 0);
    const follows = base === this.#next || (this.#mayBeginBefore && base < this.#next);
    if (!follows) throw new RecordSetError(base, `is where that of ${this.#next} should be`);
    this.#mayBeginBefore = false;
    this.#next = base + batch.readInt32BE(AT.lastOffsetDelta) + 1;
  }
}

/** One batch while its records are taken. */
interface Batch {
  readonly base: number;
  /** The last offset that it may hold. */
  readonly last: number;
  /** Uncompressed records. */
  readonly records: Buffer;
  at: number;
  left: number;
  /** Of the batch, when the broker set it; else of its first record. */
  readonly timeMs: number;
  readonly isLogAppendTime: boolean;
}

async function openBatch(bytes: Buffer): Promise<Batch | undefined> {
  const base = readInt64(bytes, 0);
  const magic = bytes.readInt8(AT.magic);
  if (magic !== MAGIC) throw new RecordSetError(base, `is of format ${magic}`, true);
  if (crc32c(bytes, AT.attributes) !== bytes.readUInt32BE(AT.crc)) {
    throw new RecordSetError(base, 'fails its check');
  }
  const attributes = bytes.readInt16BE(AT.attributes);
  if ((attributes & ATTRIBUTE.control) !== 0) return undefined;
  const isLogAppendTime = (attributes & ATTRIBUTE.logAppendTime) !== 0;
  const name = compressionNames[attributes & ATTRIBUTE.compression];
  if (name === undefined) throw new RecordSetError(base, 'has an unknown compression', true);
  const packed = bytes.subarray(BATCH_HEADER_BYTES);
  return {
    base,
    last: base + bytes.readInt32BE(AT.lastOffsetDelta),
    records: await uncompress(base, name, packed),
    at: 0,
    left: bytes.readInt32BE(AT.count),
    timeMs: readInt64(bytes, isLogAppendTime ? AT.maxTimestamp : AT.baseTimestamp),
    isLogAppendTime,
  };
}

async function uncompress(base: number, name: CompressionName, packed: Buffer): Promise<Buffer> {
  const codec = await findCodec(name);
  try {
    return await codec.uncompress(packed);
  } catch (error) {
    // Its check was right, so this is how it was written.
    throw new RecordSetError(base, `cannot be uncompressed (${name}: ${String(error)})`);
  }
}

/**
 * A check that is right says only that a broker holds these bytes, not that a producer wrote them
 * as it should: whatever points outside its record is refused.
 */
function takeRecord(batch: Batch): StreamRecord | undefined {
  if (batch.left <= 0) return undefined;
  batch.left -= 1;
  const { records } = batch;
  const end = readVarint(batch) + batch.at;
  if (end > records.length || end < batch.at) {
    throw new RecordSetError(batch.base, 'holds a record that ends outside');
  }
  batch.at += 1;
  const deltaMs = readVarint(batch);
  const offset = batch.base + readVarint(batch);
  const keyBytes = Math.max(0, readVarint(batch));
  batch.at += keyBytes;
  const length = Math.max(0, batch.at < end ? readVarint(batch) : 0);
  if (batch.at + length > end || offset < batch.base || offset > batch.last) {
    throw new RecordSetError(batch.base, 'holds a record that is not one');
  }
  const { buffer, byteOffset } = records;
  // Not a Buffer: its `slice` does not copy, as that of any other Uint8Array does.
  const payload = new Uint8Array(buffer, byteOffset + batch.at, length);
  batch.at = end;
  const timeMs = batch.isLogAppendTime ? batch.timeMs : batch.timeMs + deltaMs;
  return { offset, appendTimeUs: timeMs * 1000, payload };
}

/** Also for a varlong of time: by multiplication, since it may exceed 32 bits. */
function readVarint(batch: Batch): number {
  const { records } = batch;
  let value = 0;
  let scale = 1;
  for (let bytes = 0; bytes < 10; bytes += 1) {
    const byte = records[batch.at];
    if (byte === undefined) throw new RecordSetError(batch.base, 'ends within a record');
    batch.at += 1;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    scale *= 128;
  }
  throw new RecordSetError(batch.base, 'holds a number of more than ten bytes');
}
