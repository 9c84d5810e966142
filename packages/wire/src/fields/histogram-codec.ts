import type { BucketSpan, NativeHistogram } from '@millrace/model';
import { corruptRecord } from './columns.ts';
import { ProtoReader } from '../remote-write/proto-reader.ts';
import { ProtoWriter } from '../remote-write/proto-writer.ts';

/*
 * A native histogram as bytes that are equal when the histograms are (one NaN, one form of every
 * number):
 *
 *   version u8 = 1 | float u8 | schema zigzag | reset hint varint | sum f64 | zero threshold f64
 *   | count | zero count | negative side | positive side | custom values
 *
 *   count, zero count   integer: varint up to 64 bits; float: f64
 *   side                spans: number varint, then (offset zigzag, length varint) each;
 *                       buckets: number varint, then zigzag deltas (integer) or f64 (float)
 *   custom values       number varint, then f64 each
 *
 * Varints and zigzag are protobuf's, f64 is little-endian.
 */
const HISTOGRAM_VERSION = 1;

/** The canonical bytes of a valid histogram. Integers are exact, every NaN is the same. */
export function encodeHistogram(histogram: NativeHistogram): Uint8Array {
  const writer = new ProtoWriter();
  writer.varint(HISTOGRAM_VERSION);
  writer.varint(histogram.float ? 1 : 0);
  writer.sint32(histogram.schema);
  writer.int64(histogram.resetHint);
  writer.double(histogram.sum);
  writer.double(histogram.zeroThreshold);
  for (const count of [histogram.count, histogram.zeroCount]) {
    if (histogram.float) writer.double(Number(count));
    else writer.uint64(BigInt(count));
  }
  writeSide(writer, histogram, 'negative');
  writeSide(writer, histogram, 'positive');
  writeDoubles(writer, histogram.customValues);
  return writer.finish();
}

/** @throws MillraceError `WIRE_CORRUPT`: the bytes are not those of a histogram. */
export function decodeHistogram(bytes: Uint8Array): NativeHistogram {
  try {
    return readHistogram(new ProtoReader(bytes), bytes.length);
  } catch (error) {
    throw corruptRecord('a native histogram in it cannot be read', error);
  }
}

type Side = 'negative' | 'positive';

function writeSide(writer: ProtoWriter, histogram: NativeHistogram, side: Side): void {
  const spans = histogram[`${side}Spans`];
  writer.varint(spans.length);
  for (const { offset, length } of spans) {
    writer.sint32(offset);
    writer.varint(length);
  }
  if (histogram.float) {
    writeDoubles(writer, histogram[`${side}Counts`]);
    return;
  }
  const deltas = histogram[`${side}Deltas`];
  writer.varint(deltas.length);
  for (const delta of deltas) writer.sint64(delta);
}

function writeDoubles(writer: ProtoWriter, values: readonly number[]): void {
  writer.varint(values.length);
  for (const value of values) writer.double(value);
}

function readHistogram(reader: ProtoReader, end: number): NativeHistogram {
  const version = reader.uint32(end);
  if (version !== HISTOGRAM_VERSION) throw reader.malformed(`version ${version} is not known`);
  const float = reader.uint32(end) === 1;
  const schema = reader.sint32(end);
  const resetHint = reader.int32(end);
  const sum = reader.double(end);
  const zeroThreshold = reader.double(end);
  const readCount = (): bigint | number => (float ? reader.double(end) : reader.uint64(end));
  const count = readCount();
  const zeroCount = readCount();
  const negative = readSide(reader, end, float);
  const positive = readSide(reader, end, float);
  const customValues = readList(reader, end, () => reader.double(end));
  if (reader.at !== end) throw reader.malformed('there are bytes behind it');
  return {
    float,
    count,
    sum,
    schema,
    zeroThreshold,
    zeroCount,
    negativeSpans: negative.spans,
    negativeDeltas: negative.deltas,
    negativeCounts: negative.counts,
    positiveSpans: positive.spans,
    positiveDeltas: positive.deltas,
    positiveCounts: positive.counts,
    resetHint,
    customValues,
  };
}

function readSide(
  reader: ProtoReader,
  end: number,
  float: boolean,
): { spans: BucketSpan[]; deltas: bigint[]; counts: number[] } {
  const spans = readList(reader, end, () => {
    const offset = reader.sint32(end);
    return { offset, length: reader.uint32(end) };
  });
  return {
    spans,
    deltas: float ? [] : readList(reader, end, () => reader.sint64(end)),
    counts: float ? readList(reader, end, () => reader.double(end)) : [],
  };
}

function readList<Item>(reader: ProtoReader, end: number, read: () => Item): Item[] {
  const items: Item[] = [];
  for (let left = reader.uint32(end); left > 0; left -= 1) items.push(read());
  return items;
}
