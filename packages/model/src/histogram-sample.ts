/** A span of consecutive buckets: `offset` from the end of the previous span, `length` buckets. */
export interface BucketSpan {
  offset: number;
  length: number;
}

/**
 * A Prometheus native histogram, every field of remote write kept. Integer histograms carry
 * deltas, float ones absolute counts; exactly one of the two forms is filled.
 */
export interface NativeHistogram {
  /** True when count, zero count and buckets are floats (`count_float`). */
  float: boolean;
  count: bigint | number;
  sum: number;
  schema: number;
  zeroThreshold: number;
  zeroCount: bigint | number;
  negativeSpans: BucketSpan[];
  negativeDeltas: bigint[];
  negativeCounts: number[];
  positiveSpans: BucketSpan[];
  positiveDeltas: bigint[];
  positiveCounts: number[];
  resetHint: number;
  customValues: number[];
}
