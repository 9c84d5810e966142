import { crc32c } from './crc32c.ts';
import { compressionNames, findCodec, type CompressionName } from '../client/compression.ts';
import { writeInt64 } from '../client/wire-bytes.ts';

/**
 * A batch of records, version 2, as producers send it and logs hold it:
 *
 * ```
 *  0 base offset int64 | 8 length of what follows int32 | 12 leader epoch int32 | 16 magic 2 int8
 * 17 crc-32c of what follows uint32 | 21 attributes int16 | 23 last offset delta int32
 * 27 base timestamp int64 | 35 max timestamp int64 | 43 producer id int64 | 51 epoch int16
 * 53 base sequence int32 | 57 records int32 | 61 records, compressed together
 * ```
 *
 * A record, lengths and deltas as zigzag varints:
 *
 * ```
 * length | attributes int8 | timestamp delta | offset delta | key length | key |
 * value length | value | headers
 * ```
 *
 * Ours have no key, no headers and no delta of time: the broker sets the batch's time.
 */
export const BATCH_HEADER_BYTES = 61;
export const AT = {
  length: 8,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  epoch: 51,
  sequence: 53,
  count: 57,
} as const;
export const MAGIC = 2;
/** Bytes before `length` counts. */
export const LENGTH_END = 12;

/** Who sends a batch, and its place among all of that sender in its partition. */
export interface BatchIdentity {
  readonly producerId: number;
  readonly epoch: number;
  readonly sequence: number;
}

/** The most that one record adds to its payload. */
const RECORD_OVERHEAD_MAX = 24;

/** What a batch of these payloads takes at most, before compression. */
export function batchBytesMax(count: number, payloadBytes: number): number {
  return BATCH_HEADER_BYTES + count * RECORD_OVERHEAD_MAX + payloadBytes;
}

/** Payloads are copied. */
export async function encodeBatch(
  params: Readonly<{
    payloads: readonly Uint8Array[];
    identity: BatchIdentity;
    timestampMs: number;
    compression: CompressionName;
  }>,
): Promise<Buffer> {
  const { payloads, identity, timestampMs, compression } = params;
  const batch = encodeRecords(payloads);
  const code = compressionNames.indexOf(compression);
  if (code === 0)
    return finishBatch(batch, { code, identity, timestampMs, count: payloads.length });
  const codec = await findCodec(compression);
  const compressed = await codec.compress(batch.subarray(BATCH_HEADER_BYTES));
  const header = Buffer.alloc(BATCH_HEADER_BYTES);
  const whole = Buffer.concat([header, compressed]);
  return finishBatch(whole, { code, identity, timestampMs, count: payloads.length });
}

/** The records, with room for the header before them. */
function encodeRecords(payloads: readonly Uint8Array[]): Buffer {
  const bytes = payloads.reduce((sum, payload) => sum + payload.length, 0);
  const buffer = Buffer.allocUnsafe(batchBytesMax(payloads.length, bytes));
  let at = BATCH_HEADER_BYTES;
  for (let i = 0; i < payloads.length; i += 1) {
    const payload = payloads[i]!;
    const { length } = payload;
    // Attributes, timestamp delta, key length, number of headers: a byte each.
    const bodyBytes = 4 + varintBytes(i) + varintBytes(length) + length;
    at = writeVarint(buffer, at, bodyBytes);
    buffer[at] = 0;
    buffer[at + 1] = 0;
    at = writeVarint(buffer, at + 2, i);
    // No key: length -1.
    buffer[at] = 1;
    at = writeVarint(buffer, at + 1, length);
    buffer.set(payload, at);
    at += length;
    buffer[at] = 0;
    at += 1;
  }
  return buffer.subarray(0, at);
}

function finishBatch(
  batch: Buffer,
  params: Readonly<{ code: number; identity: BatchIdentity; timestampMs: number; count: number }>,
): Buffer {
  const { code, identity, timestampMs, count } = params;
  writeInt64(batch, 0, 0);
  batch.writeInt32BE(batch.length - LENGTH_END, AT.length);
  batch.writeInt32BE(-1, LENGTH_END);
  batch.writeInt8(MAGIC, AT.magic);
  batch.writeInt16BE(code, AT.attributes);
  batch.writeInt32BE(count - 1, AT.lastOffsetDelta);
  writeInt64(batch, AT.baseTimestamp, timestampMs);
  writeInt64(batch, AT.maxTimestamp, timestampMs);
  writeInt64(batch, AT.producerId, identity.producerId);
  batch.writeInt16BE(identity.epoch, AT.epoch);
  batch.writeInt32BE(identity.sequence, AT.sequence);
  batch.writeInt32BE(count, AT.count);
  batch.writeUInt32BE(crc32c(batch, AT.attributes), AT.crc);
  return batch;
}

/** The sequence number after `count` records: it wraps within 31 bits, as brokers expect it to. */
export function sequenceAfter(sequence: number, count: number): number {
  return (sequence + count) % 2 ** 31;
}

/** A varint of zigzag code: for what is not negative, twice the value. */
function writeVarint(buffer: Buffer, at: number, value: number): number {
  let rest = value * 2;
  let next = at;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) {
    buffer[next] = (rest & 0x7f) | 0x80;
    next += 1;
  }
  buffer[next] = rest;
  return next + 1;
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value * 2; rest > 0x7f; rest = Math.floor(rest / 128)) bytes += 1;
  return bytes;
}
