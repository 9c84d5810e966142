import type { BucketSpan, NativeHistogram } from '@millrace/model';

/**
 * The histogram at a lower schema: every 2^(steps) neighbouring buckets become one, so nothing
 * but resolution is lost. Bucket i of an exponential schema covers (base^(i-1), base^i], and
 * squaring the base takes buckets 2k-1 and 2k into bucket k.
 */
export function reduceResolution(histogram: NativeHistogram, schema: number): NativeHistogram {
  const factor = 2 ** (histogram.schema - schema);
  const target = (bucket: number): number => Math.floor((bucket - 1) / factor) + 1;
  const { float, negativeSpans, positiveSpans } = histogram;
  const reduced: NativeHistogram = { ...histogram, schema };
  if (float) {
    const negative = merge(negativeSpans, histogram.negativeCounts, target, addFloats);
    const positive = merge(positiveSpans, histogram.positiveCounts, target, addFloats);
    reduced.negativeSpans = negative.spans;
    reduced.negativeCounts = negative.populations;
    reduced.positiveSpans = positive.spans;
    reduced.positiveCounts = positive.populations;
  } else {
    const negative = merge(negativeSpans, sums(histogram.negativeDeltas), target, addIntegers);
    const positive = merge(positiveSpans, sums(histogram.positiveDeltas), target, addIntegers);
    reduced.negativeSpans = negative.spans;
    reduced.negativeDeltas = deltas(negative.populations);
    reduced.positiveSpans = positive.spans;
    reduced.positiveDeltas = deltas(positive.populations);
  }
  return reduced;
}

function merge<Population>(
  spans: readonly BucketSpan[],
  populations: readonly Population[],
  target: (bucket: number) => number,
  add: (a: Population, b: Population) => Population,
): { spans: BucketSpan[]; populations: Population[] } {
  const mergedSpans: BucketSpan[] = [];
  const merged: Population[] = [];
  let bucket = 0;
  let last = 0;
  let taken = 0;
  for (const { offset, length } of spans) {
    bucket += offset;
    for (let i = 0; i < length; i += 1) {
      const into = target(bucket);
      const population = populations[taken]!;
      const span = mergedSpans.at(-1);
      if (span !== undefined && into === last) {
        merged.push(add(merged.pop()!, population));
      } else {
        merged.push(population);
        if (span !== undefined && into === last + 1) span.length += 1;
        else mergedSpans.push({ offset: span === undefined ? into : into - last - 1, length: 1 });
      }
      last = into;
      bucket += 1;
      taken += 1;
    }
  }
  return { spans: mergedSpans, populations: merged };
}

const addFloats = (a: number, b: number): number => a + b;
const addIntegers = (a: bigint, b: bigint): bigint => a + b;

function sums(of: readonly bigint[]): bigint[] {
  let sum = 0n;
  return of.map((delta) => (sum += delta));
}

function deltas(populations: readonly bigint[]): bigint[] {
  return populations.map((population, i) => population - (populations[i - 1] ?? 0n));
}
