import type { NativeHistogram } from '@millrace/model';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeHistogram, encodeHistogram } from './histogram-codec.ts';
import { arbitraryHistogram } from '../remote-write/testing/arbitrary-write-request.ts';

const SMALL: NativeHistogram = {
  float: false,
  count: 2n ** 64n - 1n,
  sum: -0,
  schema: -4,
  zeroThreshold: 2 ** -128,
  zeroCount: 2n ** 64n - 4n,
  negativeSpans: [{ offset: -(2 ** 31), length: 1 }],
  negativeDeltas: [1n],
  negativeCounts: [],
  positiveSpans: [
    { offset: 2 ** 31 - 1, length: 0 },
    { offset: 0, length: 2 },
  ],
  positiveDeltas: [2n, -2n],
  positiveCounts: [],
  resetHint: 3,
  customValues: [],
};

describe('the canonical bytes of a histogram', () => {
  test('give back every field exactly', () => {
    fc.assert(
      fc.property(arbitraryHistogram, (histogram) => {
        expect(decodeHistogram(encodeHistogram(histogram))).toEqual(histogram);
      }),
      { numRuns: 500 },
    );
    expect(decodeHistogram(encodeHistogram(SMALL))).toEqual(SMALL);
  });

  test('hold the extremes of every integer', () => {
    const extreme: NativeHistogram = {
      ...SMALL,
      positiveDeltas: [2n ** 63n - 1n, -(2n ** 63n)],
      resetHint: -1,
    };
    expect(decodeHistogram(encodeHistogram(extreme))).toEqual(extreme);
  });

  test('hold custom bounds, and spans of the largest length', () => {
    const custom: NativeHistogram = {
      ...SMALL,
      schema: -53,
      customValues: [-1.5, 0, 1e300],
      positiveSpans: [{ offset: 0, length: 2 ** 32 - 1 }],
    };
    expect(decodeHistogram(encodeHistogram(custom))).toEqual(custom);
  });

  test('are equal whatever payload a NaN had', () => {
    const bits = new DataView(new ArrayBuffer(8));
    bits.setBigUint64(0, 0x7ff0000000000002n);
    const stale = { ...SMALL, sum: bits.getFloat64(0) };
    expect(encodeHistogram(stale)).toEqual(encodeHistogram({ ...SMALL, sum: Number.NaN }));
  });

  test('never change: records that hold them are kept', () => {
    expect(Buffer.from(encodeHistogram(SMALL)).toString('hex')).toBe(
      '010007030000000000000080000000000000f037ffffffffffffffffff01fcffffffffffffffff01' +
        '01ffffffff0f01010202feffffff0f00000202040300',
    );
  });

  test('that are damaged are a corrupt record, not another histogram', () => {
    const bytes = encodeHistogram(SMALL);
    for (let length = 0; length < bytes.length; length += 1) {
      expect(() => decodeHistogram(bytes.slice(0, length))).toThrow(
        expect.objectContaining({ code: 'WIRE_CORRUPT' }),
      );
    }
    const longer = Uint8Array.from([...bytes, 0]);
    const newer = Uint8Array.from([2, ...bytes.subarray(1)]);
    for (const damaged of [longer, newer]) {
      expect(() => decodeHistogram(damaged)).toThrow(
        expect.objectContaining({ code: 'WIRE_CORRUPT' }),
      );
    }
  });
});
