import { hash } from 'node:crypto';
import type { LabelSet } from './label-set.ts';

/** Bytes of a fingerprint: 8 of `series_id`, 8 of check. */
export const FINGERPRINT_BYTES = 16;

/**
 * The first 128 bits of SHA-256 over the tenant, then every name and value of the sorted label
 * set, each as uint32 LE byte length followed by UTF-8.
 */
export function fingerprintOf(tenant: string, labels: LabelSet): Uint8Array {
  let bytesMax = bytesMaxOf(tenant);
  for (const [name, value] of labels) bytesMax += bytesMaxOf(name) + bytesMaxOf(value);
  if (bytesMax > hashed.length) hashed = Buffer.allocUnsafeSlow(bytesMax);
  let at = write(tenant, 0);
  for (const [name, value] of labels) at = write(value, write(name, at));
  // As text, one character a byte: an object for the hash, or a buffer, takes three times as long.
  const digest = hash('sha256', hashed.subarray(0, at), 'binary');
  if (hashed.length > KEPT_BYTES_MAX) hashed = Buffer.allocUnsafeSlow(KEPT_BYTES_MAX);
  const fingerprint = new Uint8Array(FINGERPRINT_BYTES);
  for (let i = 0; i < FINGERPRINT_BYTES; i += 1) fingerprint[i] = digest.charCodeAt(i);
  return fingerprint;
}

/** What is hashed, put together here: a call of the hash costs more than most labels' bytes. */
let hashed: Buffer = Buffer.allocUnsafeSlow(4096);
const KEPT_BYTES_MAX = 64 * 1024;

function bytesMaxOf(text: string): number {
  return 4 + 3 * text.length;
}

/** Writes a text behind its length; tells where it ends. Most are ASCII, and too short for a call. */
function write(text: string, at: number): number {
  const { length } = text;
  const bytes = hashed;
  for (let i = 0; i < length; i += 1) {
    const code = text.charCodeAt(i);
    if (code >= 0x80) return writeUtf8(text, at);
    bytes[at + 4 + i] = code;
  }
  bytes[at] = length & 0xff;
  bytes[at + 1] = (length >>> 8) & 0xff;
  bytes[at + 2] = (length >>> 16) & 0xff;
  bytes[at + 3] = length >>> 24;
  return at + 4 + length;
}

function writeUtf8(text: string, at: number): number {
  const length = hashed.write(text, at + 4, 'utf8');
  hashed.writeUInt32LE(length, at);
  return at + 4 + length;
}

/** The first 8 bytes as a signed big-endian integer: the `series_id` of the store. */
export function seriesIdOf(fingerprint: Uint8Array, at = 0): bigint {
  return Buffer.from(fingerprint.buffer, fingerprint.byteOffset + at, 8).readBigInt64BE();
}

/**
 * The partition of an input series. It reads the last 4 bytes of the fingerprint (little-endian),
 * because tables inside a partition hash by the first ones.
 */
export function partitionOf(fingerprint: Uint8Array, at: number, partitions: number): number {
  const i = at + 12;
  const lane =
    (fingerprint[i]! |
      (fingerprint[i + 1]! << 8) |
      (fingerprint[i + 2]! << 16) |
      (fingerprint[i + 3]! << 24)) >>>
    0;
  return lane % partitions;
}

export function fingerprintHex(fingerprint: Uint8Array, at = 0): string {
  return Buffer.from(fingerprint.buffer, fingerprint.byteOffset + at, FINGERPRINT_BYTES).toString(
    'hex',
  );
}
