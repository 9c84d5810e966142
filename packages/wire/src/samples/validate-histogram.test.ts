import type { NativeHistogram } from '@millrace/model';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { arbitraryHistogram } from '../remote-write/testing/arbitrary-write-request.ts';
import { HISTOGRAM_BUCKETS_MAX, validateHistogram } from './validate-histogram.ts';

const EMPTY: NativeHistogram = {
  float: false,
  count: 0n,
  sum: 0,
  schema: 0,
  zeroThreshold: 0,
  zeroCount: 0n,
  negativeSpans: [],
  negativeDeltas: [],
  negativeCounts: [],
  positiveSpans: [],
  positiveDeltas: [],
  positiveCounts: [],
  resetHint: 0,
  customValues: [],
};
const FLOAT: NativeHistogram = { ...EMPTY, float: true, count: 0, zeroCount: 0 };
const CUSTOM: NativeHistogram = { ...EMPTY, schema: -53 };
const span = (offset: number, length: number) => ({ offset, length });

test('any histogram that was built properly is valid', () => {
  fc.assert(
    fc.property(arbitraryHistogram, (histogram) => {
      expect(validateHistogram(histogram)).toBeUndefined();
    }),
  );
});

describe('valid', () => {
  const cases: [string, NativeHistogram][] = [
    ['nothing observed', EMPTY],
    ['nothing observed, in floats', FLOAT],
    [
      'NaN observed: counted, though in no bucket',
      { ...EMPTY, count: 3n, sum: Number.NaN, zeroCount: 2n },
    ],
    ['a float count that rounding took from its buckets', { ...FLOAT, count: 3, zeroCount: 3.1 }],
    ['float counts of NaN', { ...FLOAT, count: Number.NaN, zeroCount: Number.NaN }],
    ['a first span below zero', withBuckets([span(-3, 1), span(2, 1)], [1n, 0n], 2n)],
    ['the lowest schema', { ...EMPTY, schema: -4 }],
    ['the highest schema', { ...EMPTY, schema: 8 }],
    [
      'custom buckets, the last one above all bounds',
      {
        ...CUSTOM,
        count: 2n,
        customValues: [1, 2],
        positiveSpans: [span(0, 1), span(1, 1)],
        positiveDeltas: [1n, 0n],
      },
    ],
  ];
  test.each(cases)('%s', (_, histogram) => {
    expect(validateHistogram(histogram)).toBeUndefined();
  });
});

describe('invalid', () => {
  const cases: [string, NativeHistogram, RegExp][] = [
    ['a float count beside an integer zero count', { ...FLOAT, zeroCount: 0n }, /both/],
    ['integer buckets beside a float count', { ...FLOAT, positiveDeltas: [1n] }, /other form/],
    ['float buckets beside an integer count', { ...EMPTY, negativeCounts: [1] }, /other form/],
    ['a schema below the lowest', { ...EMPTY, schema: -5 }, /schema -5/],
    ['a schema above the highest', { ...EMPTY, schema: 9 }, /schema 9/],
    ['bounds of custom buckets beside a schema', { ...EMPTY, customValues: [1] }, /custom bounds/],
    ['a negative zero threshold', { ...EMPTY, zeroThreshold: -1 }, /zero threshold/],
    ['a zero threshold of NaN', { ...EMPTY, zeroThreshold: Number.NaN }, /zero threshold/],
    ['spans without buckets', { ...EMPTY, positiveSpans: [span(0, 1)] }, /positive spans have 1/],
    ['buckets without spans', { ...EMPTY, negativeDeltas: [0n] }, /negative spans have 0/],
    ['a later span below zero', withBuckets([span(0, 1), span(-1, 1)], [1n, 0n], 2n), /span 1/],
    ['a population below zero', withBuckets([span(0, 2)], [1n, -2n], 0n), /holds -1/],
    ['a count below the buckets', withBuckets([span(0, 1)], [3n], 2n), /count is 2.*hold 3/],
    ['a count above the buckets', withBuckets([span(0, 1)], [3n], 4n), /count is 4.*hold 3/],
    ['a zero bucket that was not counted', { ...EMPTY, zeroCount: 1n }, /hold 1/],
    [
      'a count below the buckets, NaN observed',
      { ...withBuckets([span(0, 1)], [3n], 2n), sum: Number.NaN },
      /count is 2/,
    ],
    ['a float population below zero', { ...FLOAT, zeroCount: -0.5 }, /holds -0.5/],
    ['a float count below zero', { ...FLOAT, count: -1 }, /holds -1/],
    ['a zero bucket of custom buckets', { ...CUSTOM, zeroCount: 1n, count: 1n }, /no zero/],
    ['a zero threshold of custom buckets', { ...CUSTOM, zeroThreshold: 1 }, /no zero/],
    ['a negative side of custom buckets', { ...CUSTOM, negativeSpans: [span(0, 0)] }, /negative/],
    ['custom bounds that do not rise', { ...CUSTOM, customValues: [1, 1] }, /1 follows 1/],
    ['a custom bound of NaN', { ...CUSTOM, customValues: [Number.NaN] }, /NaN/],
    ['an infinite last bound', { ...CUSTOM, customValues: [1, Infinity] }, /infinite/],
    [
      'a span of custom buckets that starts below zero',
      { ...CUSTOM, positiveSpans: [span(-1, 0)] },
      /offset -1/,
    ],
    ['a span past the custom buckets', { ...CUSTOM, positiveSpans: [span(2, 0)] }, /bucket 2 of 1/],
    [
      'more buckets than any histogram has',
      { ...FLOAT, positiveCounts: new Array<number>(HISTOGRAM_BUCKETS_MAX + 1).fill(0) },
      /longer than 10000/,
    ],
  ];
  test.each(cases)('%s', (_, histogram, detail) => {
    expect(validateHistogram(histogram)).toMatch(detail);
  });
});

function withBuckets(
  positiveSpans: NativeHistogram['positiveSpans'],
  positiveDeltas: bigint[],
  count: bigint,
): NativeHistogram {
  return { ...EMPTY, count, positiveSpans, positiveDeltas };
}
