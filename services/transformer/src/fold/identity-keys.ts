import { createHash } from 'node:crypto';
import { lanesOf } from './series-placement.ts';

/**
 * Key of one part of a request: its identity is a digest already, the part number shifts it. It
 * goes into `keys`, of which there may be one for all records.
 */
export function partKey(
  identity: Uint8Array,
  part: number,
  keys: Uint32Array = new Uint32Array(4),
): Uint32Array {
  for (let lane = 0, at = 0; lane < 4; lane += 1, at += 4) {
    keys[lane] =
      identity[at]! |
      (identity[at + 1]! << 8) |
      (identity[at + 2]! << 16) |
      (identity[at + 3]! << 24);
  }
  keys[0]! ^= Math.imul(part, 0x9e3779b1);
  keys[3]! ^= part;
  return keys;
}

/** Key of an event: SHA-256 over the series' fingerprint and the event's id. */
export function eventKey(fingerprint: Uint8Array, id: string): Uint32Array {
  const digest = createHash('sha256').update(fingerprint).update(id, 'utf8').digest();
  return lanesOf(digest.subarray(0, 16));
}

/** A number that stands for a histogram's bytes when dedupe compares values. Never NaN. */
export function histogramBits(histogram: Uint8Array): number {
  const digest = createHash('sha256').update(histogram).digest();
  return digest.readUIntBE(0, 6);
}
