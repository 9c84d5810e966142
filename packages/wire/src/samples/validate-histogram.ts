import type { BucketSpan, NativeHistogram } from '@millrace/model';

/** Spans, buckets and custom bounds that one histogram may have of each. */
export const HISTOGRAM_BUCKETS_MAX = 10_000;

/** Schemas of exponential buckets: `base = 2^(2^-schema)`. */
export const EXPONENTIAL_SCHEMA_MIN = -4;
export const EXPONENTIAL_SCHEMA_MAX = 8;
/** Up to here Prometheus reserves schemas; it takes them at the resolution of the highest. */
export const RESERVED_SCHEMA_MAX = 52;
/** Buckets between the bounds in `customValues`. */
export const CUSTOM_BUCKETS_SCHEMA = -53;

/**
 * What makes a histogram contradict itself, as an English clause, or undefined. The rules are
 * those of Prometheus: spans fit the buckets, no bucket holds less than nothing, and an integer
 * histogram's count is what its buckets hold (at least that when observations were NaN).
 */
export function validateHistogram(histogram: NativeHistogram): string | undefined {
  return (
    validateForm(histogram) ??
    validateSchema(histogram) ??
    validateSpans('positive', histogram.positiveSpans, bucketCount(histogram, 'positive')) ??
    validateSpans('negative', histogram.negativeSpans, bucketCount(histogram, 'negative')) ??
    (histogram.float ? validateFloats(histogram) : validateIntegers(histogram))
  );
}

function bucketCount(histogram: NativeHistogram, side: 'positive' | 'negative'): number {
  return histogram.float ? histogram[`${side}Counts`].length : histogram[`${side}Deltas`].length;
}

function validateForm(histogram: NativeHistogram): string | undefined {
  const { float, negativeCounts, negativeDeltas, positiveCounts, positiveDeltas } = histogram;
  const type = float ? 'number' : 'bigint';
  if (typeof histogram.count !== type || typeof histogram.zeroCount !== type) {
    return 'count and zero count are not both integers or both floats';
  }
  const others = float
    ? negativeDeltas.length + positiveDeltas.length
    : negativeCounts.length + positiveCounts.length;
  if (others > 0) return `a ${float ? 'float' : 'integer'} histogram has buckets of the other form`;
  const longest = Math.max(
    histogram.positiveSpans.length,
    histogram.negativeSpans.length,
    bucketCount(histogram, 'positive'),
    bucketCount(histogram, 'negative'),
    histogram.customValues.length,
  );
  if (longest > HISTOGRAM_BUCKETS_MAX) {
    return `a list of spans, buckets or bounds is longer than ${HISTOGRAM_BUCKETS_MAX}`;
  }
  return undefined;
}

function validateSchema(histogram: NativeHistogram): string | undefined {
  const { schema, customValues, zeroThreshold } = histogram;
  if (schema === CUSTOM_BUCKETS_SCHEMA) return validateCustom(histogram);
  if (schema < EXPONENTIAL_SCHEMA_MIN || schema > EXPONENTIAL_SCHEMA_MAX) {
    return `schema ${schema} is neither in -4..8 nor -53`;
  }
  if (customValues.length > 0) return `custom bounds do not belong to schema ${schema}`;
  if (!(zeroThreshold >= 0)) return `the zero threshold is ${zeroThreshold}`;
  return undefined;
}

function validateCustom(histogram: NativeHistogram): string | undefined {
  const { customValues, negativeSpans, positiveSpans } = histogram;
  if (Number(histogram.zeroCount) !== 0 || histogram.zeroThreshold !== 0) {
    return 'custom buckets have no zero bucket';
  }
  if (negativeSpans.length > 0 || bucketCount(histogram, 'negative') > 0) {
    return 'custom buckets have no negative side';
  }
  let previous = Number.NEGATIVE_INFINITY;
  for (const bound of customValues) {
    if (!(bound > previous)) return `the custom bound ${bound} follows ${previous}`;
    previous = bound;
  }
  if (previous === Number.POSITIVE_INFINITY) return 'the last custom bound is infinite';
  let reach = 0;
  for (const { offset, length } of positiveSpans) {
    if (offset < 0) return `a span of custom buckets has the offset ${offset}`;
    reach += offset + length;
  }
  if (reach > customValues.length + 1) {
    return `spans reach bucket ${reach} of ${customValues.length + 1} custom buckets`;
  }
  return undefined;
}

function validateSpans(
  side: string,
  spans: readonly BucketSpan[],
  buckets: number,
): string | undefined {
  let length = 0;
  for (const [i, span] of spans.entries()) {
    if (i > 0 && span.offset < 0) return `${side} span ${i} has the offset ${span.offset}`;
    length += span.length;
  }
  return length === buckets
    ? undefined
    : `the ${side} spans have ${length} buckets, but ${buckets} were sent`;
}

function validateIntegers(histogram: NativeHistogram): string | undefined {
  const { count, sum, zeroCount, positiveDeltas, negativeDeltas } = histogram;
  let total = BigInt(zeroCount);
  for (const deltas of [positiveDeltas, negativeDeltas]) {
    let population = 0n;
    for (const delta of deltas) {
      population += delta;
      if (population < 0n) return `a bucket holds ${population} observations`;
      total += population;
    }
  }
  if (total === count) return undefined;
  // Observations of NaN are counted, though they are in no bucket.
  if (Number.isNaN(sum) && total < BigInt(count)) return undefined;
  return `count is ${count}, but the buckets hold ${total}`;
}

function validateFloats(histogram: NativeHistogram): string | undefined {
  const { count, zeroCount, positiveCounts, negativeCounts } = histogram;
  // Floats need not add up exactly, so unlike integers they are not compared with the count; and
  // what a query divided by zero is NaN, and legal.
  for (const population of [count, zeroCount, ...positiveCounts, ...negativeCounts]) {
    if (population < 0) return `a bucket or the count holds ${population}`;
  }
  return undefined;
}
