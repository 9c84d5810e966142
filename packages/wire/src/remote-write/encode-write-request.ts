import {
  STALE_NAN_HIGH,
  STALE_NAN_LOW,
  type BucketSpan,
  type Label,
  type NativeHistogram,
} from '@millrace/model';
import type { MetricMetadata } from '../events/events-record.ts';
import { METRIC_TYPES } from './metric-type.ts';
import { tagOf, WireType } from './proto-reader.ts';
import { ProtoWriter } from './proto-writer.ts';

/** One time series of a WriteRequest. Times are Unix milliseconds. */
export interface WriteSeries {
  labels: readonly Label[];
  samples: readonly WriteSample[];
  histograms?: readonly WriteHistogram[];
  exemplars?: readonly WriteExemplar[];
}

/** A stale marker's value is not sent. */
export type WriteSample = readonly [timestampMs: number, value: number, stale?: boolean];

export interface WriteHistogram {
  timestampMs: number;
  histogram: NativeHistogram;
  /** The sum is sent as a stale marker. */
  stale?: boolean;
}

export interface WriteExemplar {
  timestampMs: number;
  value: number;
  labels: readonly Label[];
}

/** A `prometheus.WriteRequest` of remote write 1.0, not compressed, as Prometheus sends it. */
export function encodeWriteRequest(
  series: Iterable<WriteSeries>,
  metadata: Iterable<MetricMetadata> = [],
): Uint8Array {
  const writer = new ProtoWriter();
  for (const one of series) {
    const start = writer.begin(1);
    writeLabels(writer, one.labels);
    for (const sample of one.samples) writeSample(writer, sample);
    for (const exemplar of one.exemplars ?? []) writeExemplar(writer, exemplar);
    for (const histogram of one.histograms ?? []) writeHistogram(writer, histogram);
    writer.end(start);
  }
  for (const one of metadata) {
    const start = writer.begin(3);
    writeVarint(writer, 1, Math.max(0, METRIC_TYPES.indexOf(one.type)));
    writer.text(2, one.metric);
    writer.text(4, one.help);
    writer.text(5, one.unit);
    writer.end(start);
  }
  return writer.finish();
}

function writeLabels(writer: ProtoWriter, labels: readonly Label[]): void {
  for (const [name, value] of labels) {
    const start = writer.begin(1);
    writer.text(1, name);
    writer.text(2, value);
    writer.end(start);
  }
}

function writeSample(writer: ProtoWriter, [timestampMs, value, stale]: WriteSample): void {
  const start = writer.begin(2);
  writeDouble(writer, 1, value, stale);
  writeVarint(writer, 2, timestampMs);
  writer.end(start);
}

function writeExemplar(writer: ProtoWriter, exemplar: WriteExemplar): void {
  const start = writer.begin(3);
  writeLabels(writer, exemplar.labels);
  writeDouble(writer, 2, exemplar.value);
  writeVarint(writer, 3, exemplar.timestampMs);
  writer.end(start);
}

function writeHistogram(writer: ProtoWriter, sent: WriteHistogram): void {
  const { histogram } = sent;
  const start = writer.begin(4);
  writeCount(writer, 1, histogram.count);
  writeDouble(writer, 3, histogram.sum, sent.stale);
  writer.varint(tagOf(4, WireType.varint));
  writer.sint32(histogram.schema);
  writeDouble(writer, 5, histogram.zeroThreshold);
  writeCount(writer, 6, histogram.zeroCount);
  writeSpans(writer, 8, histogram.negativeSpans);
  writeDeltas(writer, 9, histogram.negativeDeltas);
  writeDoubles(writer, 10, histogram.negativeCounts);
  writeSpans(writer, 11, histogram.positiveSpans);
  writeDeltas(writer, 12, histogram.positiveDeltas);
  writeDoubles(writer, 13, histogram.positiveCounts);
  writeVarint(writer, 14, histogram.resetHint);
  writeVarint(writer, 15, sent.timestampMs);
  writeDoubles(writer, 16, histogram.customValues);
  writer.end(start);
}

/** The integer field, or the float field that follows it by number. */
function writeCount(writer: ProtoWriter, field: number, count: bigint | number): void {
  if (typeof count === 'number') {
    writeDouble(writer, field + 1, count);
    return;
  }
  writer.varint(tagOf(field, WireType.varint));
  writer.uint64(count);
}

function writeSpans(writer: ProtoWriter, field: number, spans: readonly BucketSpan[]): void {
  for (const { offset, length } of spans) {
    const start = writer.begin(field);
    writer.varint(tagOf(1, WireType.varint));
    writer.sint32(offset);
    writeVarint(writer, 2, length);
    writer.end(start);
  }
}

function writeDeltas(writer: ProtoWriter, field: number, deltas: readonly bigint[]): void {
  if (deltas.length === 0) return;
  const start = writer.begin(field);
  for (const delta of deltas) writer.sint64(delta);
  writer.end(start);
}

function writeDoubles(writer: ProtoWriter, field: number, values: readonly number[]): void {
  if (values.length === 0) return;
  const start = writer.begin(field);
  for (const value of values) writer.double(value);
  writer.end(start);
}

function writeVarint(writer: ProtoWriter, field: number, value: number): void {
  writer.varint(tagOf(field, WireType.varint));
  writer.int64(value);
}

function writeDouble(writer: ProtoWriter, field: number, value: number, stale = false): void {
  writer.varint(tagOf(field, WireType.fixed64));
  if (stale) writer.doubleBits(STALE_NAN_HIGH, STALE_NAN_LOW);
  else writer.double(value);
}
