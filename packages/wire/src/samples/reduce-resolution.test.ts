import type { NativeHistogram } from '@millrace/model';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { reduceResolution } from './reduce-resolution.ts';
import { arbitraryHistogram } from '../remote-write/testing/arbitrary-write-request.ts';
import { validateHistogram } from './validate-histogram.ts';

/** Populations by bucket, found without the code under test. */
function buckets(histogram: NativeHistogram, side: 'negative' | 'positive'): Map<number, number> {
  const found = new Map<number, number>();
  let bucket = 0;
  let population = 0;
  let i = 0;
  for (const { offset, length } of histogram[`${side}Spans`]) {
    bucket += offset;
    for (let left = length; left > 0; left -= 1) {
      population = histogram.float
        ? (histogram[`${side}Counts`][i] ?? 0)
        : population + Number(histogram[`${side}Deltas`][i]);
      found.set(bucket, (found.get(bucket) ?? 0) + population);
      bucket += 1;
      i += 1;
    }
  }
  return found;
}

// Populations that add up exactly, so that sums can be compared.
const histogram = arbitraryHistogram.map((any): NativeHistogram => {
  const small = (values: readonly unknown[]) => values.map((_, i) => BigInt(i % 3));
  const deltas = (values: readonly unknown[]) =>
    small(values).map((value, i) => value - (small(values)[i - 1] ?? 0n));
  return any.float
    ? {
        ...any,
        negativeCounts: small(any.negativeCounts).map(Number),
        positiveCounts: small(any.positiveCounts).map(Number),
      }
    : {
        ...any,
        sum: Number.NaN,
        count: 2n ** 63n,
        negativeDeltas: deltas(any.negativeDeltas),
        positiveDeltas: deltas(any.positiveDeltas),
      };
});

test('every population moves to the bucket that covers its own', () => {
  fc.assert(
    fc.property(histogram, fc.integer({ min: 1, max: 44 }), (any, steps) => {
      const high = { ...any, schema: 8 + steps };
      const low = reduceResolution(high, 8);
      expect(validateHistogram(low)).toBeUndefined();
      expect(low).toMatchObject({ schema: 8, count: any.count, zeroCount: any.zeroCount });
      for (const side of ['negative', 'positive'] as const) {
        const expected = new Map<number, number>();
        for (const [bucket, population] of buckets(high, side)) {
          const into = Math.ceil(bucket / 2 ** steps);
          expected.set(into + 0, (expected.get(into + 0) ?? 0) + population);
        }
        expect(buckets(low, side)).toEqual(expected);
      }
    }),
    { numRuns: 300 },
  );
});

test('one step after the other is all steps at once', () => {
  fc.assert(
    fc.property(histogram, (any) => {
      const high = { ...any, schema: 11 };
      const stepwise = reduceResolution(reduceResolution(reduceResolution(high, 10), 9), 8);
      expect(stepwise).toEqual(reduceResolution(high, 8));
    }),
  );
});
