import type { BucketSpan, Label, NativeHistogram } from '@millrace/model';
import * as fc from 'fast-check';
import type { MetricMetadata } from '../../events/events-record.ts';
import type { WriteSeries } from '../encode-write-request.ts';
import { METRIC_TYPES } from '../metric-type.ts';

const text = fc.string({ unit: 'binary', maxLength: 12 });
/** What `lenientText` leaves alone. */
const storableText = text.filter((value) => !value.includes('\0'));
const timestampMs = fc.oneof(fc.maxSafeInteger(), fc.constantFrom(0, -1, 1_750_000_000_000));
const value = fc.double();
const labelsOf = (part: fc.Arbitrary<string>): fc.Arbitrary<Label[]> =>
  fc.array(fc.tuple(part, part), { maxLength: 6 });

/** Spans that hold exactly `buckets` buckets, some of them perhaps empty. */
function spansOf(buckets: number): fc.Arbitrary<BucketSpan[]> {
  const cut = fc.tuple(fc.nat({ max: buckets }), fc.nat({ max: 1000 }));
  return fc.array(cut, { maxLength: 3 }).map((cuts) => {
    const ends = [...cuts.map(([at]) => at), buckets].sort((a, b) => a - b);
    return ends.map((end, i) => ({
      offset: i === 0 ? (cuts[0]?.[1] ?? 0) - 500 : (cuts[i]?.[1] ?? 0),
      length: end - (ends[i - 1] ?? 0),
    }));
  });
}

const sideOf = <Population>(population: fc.Arbitrary<Population>) =>
  fc
    .array(population, { maxLength: 8 })
    .chain((populations) => spansOf(populations.length).map((spans) => ({ populations, spans })));

const base = {
  sum: fc.double(),
  schema: fc.integer({ min: -4, max: 8 }),
  zeroThreshold: fc.double({ min: 0, noNaN: true }),
  resetHint: fc.integer({ min: 0, max: 3 }),
};

const integerHistogram: fc.Arbitrary<NativeHistogram> = fc
  .record({
    ...base,
    sum: fc.double({ noNaN: true }),
    zeroCount: fc.bigInt({ min: 0n, max: 2n ** 58n }),
    negative: sideOf(fc.bigInt({ min: 0n, max: 2n ** 58n })),
    positive: sideOf(fc.bigInt({ min: 0n, max: 2n ** 58n })),
  })
  .map(({ negative, positive, ...rest }) => ({
    ...rest,
    float: false,
    count: [...negative.populations, ...positive.populations].reduce(
      (sum, population) => sum + population,
      rest.zeroCount,
    ),
    negativeSpans: negative.spans,
    negativeDeltas: deltasOf(negative.populations),
    negativeCounts: [],
    positiveSpans: positive.spans,
    positiveDeltas: deltasOf(positive.populations),
    positiveCounts: [],
    customValues: [],
  }));

const floatHistogram: fc.Arbitrary<NativeHistogram> = fc
  .record({
    ...base,
    count: fc.double({ min: 0 }),
    zeroCount: fc.double({ min: 0 }),
    negative: sideOf(fc.double({ min: 0 })),
    positive: sideOf(fc.double({ min: 0 })),
  })
  .map(({ negative, positive, ...rest }) => ({
    ...rest,
    // A zero has no form of its own beside a float count, nor a sign.
    zeroCount: rest.zeroCount === 0 ? 0 : rest.zeroCount,
    float: true,
    negativeSpans: negative.spans,
    negativeDeltas: [],
    negativeCounts: negative.populations,
    positiveSpans: positive.spans,
    positiveDeltas: [],
    positiveCounts: positive.populations,
    customValues: [],
  }));

function deltasOf(populations: readonly bigint[]): bigint[] {
  return populations.map((population, i) => population - (populations[i - 1] ?? 0n));
}

/** Valid histograms of both forms. */
export const arbitraryHistogram: fc.Arbitrary<NativeHistogram> = fc.oneof(
  integerHistogram,
  floatHistogram,
);

const sample = fc
  .record({ timestampMs, value, stale: fc.boolean() })
  .map((one): [number, number, boolean] => [
    one.timestampMs,
    one.stale ? Number.NaN : one.value,
    one.stale,
  ]);

const sentHistogram = fc
  .record({ timestampMs, histogram: arbitraryHistogram, stale: fc.boolean() })
  .map((one) => (one.stale ? { ...one, histogram: { ...one.histogram, sum: Number.NaN } } : one));

export const arbitrarySeries: fc.Arbitrary<Required<WriteSeries>> = fc.record({
  labels: labelsOf(text),
  samples: fc.array(sample, { maxLength: 3 }),
  histograms: fc.array(sentHistogram, { maxLength: 2 }),
  exemplars: fc.array(fc.record({ timestampMs, value, labels: labelsOf(storableText) }), {
    maxLength: 2,
  }),
});

export const arbitraryMetadata: fc.Arbitrary<MetricMetadata> = fc.record(
  {
    metric: storableText.filter((name) => name !== ''),
    type: fc.constantFrom(...METRIC_TYPES),
    help: storableText,
    unit: storableText,
  },
  { noNullPrototype: true },
);
