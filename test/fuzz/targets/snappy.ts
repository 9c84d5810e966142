import assert from 'node:assert/strict';
import { compressSnappy, DecodeError, KeyMemory, uncompressSnappy } from '@millrace/wire';
import * as fc from 'fast-check';
import { uncompress } from 'snappyjs';
import type { FuzzTarget } from '../fuzz-target.ts';

const BYTES_MAX = 4 * 1024 ** 2;
/** Parts that come again, as label names do. */
const repetitive = fc
  .tuple(
    fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 6 }),
    fc.array(fc.nat({ max: 5 }), { maxLength: 60 }),
  )
  .map(([parts, order]) => Buffer.concat(order.map((i) => parts[i % parts.length]!)));

/** Snappy's block format, as remote write compresses. */
export const snappy: FuzzTarget = {
  name: 'snappy',
  read: (bytes) => uncompressSnappy(bytes, BYTES_MAX),
  isRefusal: (error) => error instanceof DecodeError,
  sound: fc.oneof(repetitive, fc.uint8Array({ maxLength: 2000 })).map((plain) => ({
    bytes: Uint8Array.from(compressSnappy(Uint8Array.from(plain))),
    check: (value) => assert.deepEqual(Buffer.from(value as Uint8Array), Buffer.from(plain)),
  })),
  // Claims of 4 MiB, and copies of either length from nowhere or from far away.
  words: [
    '8080800400',
    '80808002',
    'fe0100',
    'fe0000',
    'ff01000000',
    '0100',
    '0501',
    'fcffffffff',
  ].map((hex) => Uint8Array.from(Buffer.from(hex, 'hex'))),
  agree: (bytes, outcome) => {
    const byWasm = uncompressedByWasm(bytes);
    if ('refusal' in outcome) {
      assert.equal(byWasm, undefined);
      return;
    }
    assert.ok(byWasm !== undefined && Buffer.from(outcome.value as Uint8Array).equals(byWasm));
    const there = uncompress(Uint8Array.from(bytes), BYTES_MAX);
    assert.ok(Buffer.from(outcome.value as Uint8Array).equals(Buffer.from(there)));
  },
  // Only what a body of this length can become is made room for.
  memory: { perByte: 30, fixedBytes: 1024 ** 2 },
  runs: 2400,
};

const keys = new KeyMemory();

/** Undefined when it refuses them. */
function uncompressedByWasm(bytes: Uint8Array): Uint8Array | undefined {
  try {
    return keys.uncompress(bytes, BYTES_MAX);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}
