import type { BucketSpan, Label, NativeHistogram } from '@millrace/model';
import { compressSnappy, decodeLabels, decodeWriteRequest, uncompressSnappy } from '@millrace/wire';

/** One sample of a Prometheus, as its remote read tells it. */
export interface TsdbSample {
  readonly labels: readonly Label[];
  readonly timestampMs: number;
  /** NaN when stale or when it is a histogram. */
  readonly value: number;
  readonly stale: boolean;
  readonly histogram: NativeHistogram | undefined;
}

const ANSWER_BYTES_MAX = 1 << 28;
const MATCH_REGEX = 2;

/*
 * ReadRequest { 1: Query { 1: start ms, 2: end ms, 3: LabelMatcher } },
 * LabelMatcher { 1: type, 2: name, 3: value } (Prometheus, prompb/remote.proto): all series of the
 * interval, both ends included.
 */
export function encodeReadRequest(startMs: number, endMs: number): Uint8Array<ArrayBuffer> {
  const matcher = [
    ...[0x08, MATCH_REGEX],
    ...bytesField(2, Buffer.from('__name__')),
    ...bytesField(3, Buffer.from('.+')),
  ];
  const query = [0x08, ...varint(startMs), 0x10, ...varint(endMs), ...bytesField(3, matcher)];
  return new Uint8Array(compressSnappy(Uint8Array.from(bytesField(1, query))));
}

/**
 * ReadResponse { 1: QueryResult { 1: repeated TimeSeries } }: a QueryResult looks like a
 * WriteRequest.
 */
export function decodeReadResponse(body: Uint8Array): TsdbSample[] {
  const plain = uncompressSnappy(body, ANSWER_BYTES_MAX);
  const samples: TsdbSample[] = [];
  let labels: readonly Label[] = [];
  for (let at = 0; at < plain.length;) {
    if (plain[at] !== 0x0a) throw new Error(`byte ${at} of the answer is no result`);
    const length = readVarint(plain, at + 1);
    const end = length.end + length.value;
    decodeWriteRequest(plain.subarray(length.end, end), {
      series: (bytes, from, to) => void (labels = decodeLabels(bytes, from, to)),
      expect: () => -1,
      expectedSeries: () => undefined,
      sample: (timestampMs, value, stale) => {
        samples.push({ labels, timestampMs, value, stale, histogram: undefined });
      },
      histogram: (timestampMs, histogram, stale) => {
        samples.push({ labels, timestampMs, value: NaN, stale, histogram });
      },
      invalidHistogram: (timestampMs, detail) => {
        throw new Error(`a histogram of ${timestampMs}: ${detail}`);
      },
      exemplar: () => undefined,
      metadata: () => undefined,
    });
    at = end;
  }
  return samples;
}

/**
 * A histogram as text that is equal when two histograms mean the same: a TSDB lays out spans
 * anew and works out reset hints by itself, except that a gauge stays one.
 */
export function histogramMeaning(histogram: NativeHistogram): string {
  const { count, sum, schema, zeroThreshold, zeroCount, resetHint, customValues } = histogram;
  return JSON.stringify({
    count: Number(count),
    sum,
    schema,
    zeroThreshold,
    zeroCount: Number(zeroCount),
    gauge: resetHint === 3,
    customValues,
    positive: buckets(histogram.positiveSpans, histogram.positiveDeltas, histogram.positiveCounts),
    negative: buckets(histogram.negativeSpans, histogram.negativeDeltas, histogram.negativeCounts),
  });
}

function buckets(
  spans: readonly BucketSpan[],
  deltas: readonly bigint[],
  counts: readonly number[],
): (readonly [index: number, count: number])[] {
  const filled: (readonly [number, number])[] = [];
  let index = 0;
  let place = 0;
  let sum = 0n;
  for (const { offset, length } of spans) {
    index += offset;
    for (let i = 0; i < length; i += 1, index += 1, place += 1) {
      sum += deltas[place] ?? 0n;
      const count = deltas.length > 0 ? Number(sum) : counts[place]!;
      if (count !== 0) filled.push([index, count]);
    }
  }
  return filled;
}

function bytesField(field: number, bytes: ArrayLike<number>): number[] {
  return [(field << 3) | 2, ...varint(bytes.length), ...Array.from(bytes)];
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return [...bytes, rest];
}

function readVarint(bytes: Uint8Array, from: number): { value: number; end: number } {
  let value = 0;
  for (let at = from, scale = 1; ; at += 1, scale *= 0x80) {
    value += (bytes[at]! & 0x7f) * scale;
    if (bytes[at]! < 0x80) return { value, end: at + 1 };
  }
}
