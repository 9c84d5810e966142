import type { BucketSpan, NativeHistogram } from '@millrace/model';
import { reduceResolution } from '../samples/reduce-resolution.ts';
import {
  EXPONENTIAL_SCHEMA_MAX,
  HISTOGRAM_BUCKETS_MAX,
  RESERVED_SCHEMA_MAX,
  validateHistogram,
} from '../samples/validate-histogram.ts';
import { isStale } from './is-stale.ts';
import { tagOf, WireType, type ProtoReader } from './proto-reader.ts';
import type { RemoteWriteSink } from './remote-write-sink.ts';

const { varint, fixed64, bytes } = WireType;
const COUNT_INT = tagOf(1, varint);
const COUNT_FLOAT = tagOf(2, fixed64);
const SUM = tagOf(3, fixed64);
const SCHEMA = tagOf(4, varint);
const ZERO_THRESHOLD = tagOf(5, fixed64);
const ZERO_COUNT_INT = tagOf(6, varint);
const ZERO_COUNT_FLOAT = tagOf(7, fixed64);
const NEGATIVE_SPAN = tagOf(8, bytes);
const NEGATIVE_DELTAS = tagOf(9, bytes);
const NEGATIVE_DELTA = tagOf(9, varint);
const NEGATIVE_COUNTS = tagOf(10, bytes);
const NEGATIVE_COUNT = tagOf(10, fixed64);
const POSITIVE_SPAN = tagOf(11, bytes);
const POSITIVE_DELTAS = tagOf(12, bytes);
const POSITIVE_DELTA = tagOf(12, varint);
const POSITIVE_COUNTS = tagOf(13, bytes);
const POSITIVE_COUNT = tagOf(13, fixed64);
const RESET_HINT = tagOf(14, varint);
const TIMESTAMP = tagOf(15, varint);
const CUSTOM_VALUES = tagOf(16, bytes);
const CUSTOM_VALUE = tagOf(16, fixed64);
const KNOWN = 0x1fffe;

const SPAN_OFFSET = tagOf(1, varint);
const SPAN_LENGTH = tagOf(2, varint);
const KNOWN_IN_SPAN = 0b110;

/**
 * Reads the Histogram at which the reader stands and tells the sink of it, or of what is wrong
 * with it. Integers stay exact as bigints; a schema above the highest is reduced to it.
 */
export function decodeNativeHistogram(
  reader: ProtoReader,
  end: number,
  sink: RemoteWriteSink,
): void {
  const reading = new HistogramReading(reader);
  while (reader.at < end) reading.field(reader.tag(end), end);
  const { histogram, timestampMs, stale } = reading;
  // Nothing in the zero bucket needs no form of its own: it takes that of the count.
  if (Number(histogram.zeroCount) === 0) histogram.zeroCount = histogram.float ? 0 : 0n;
  const { schema } = histogram;
  const reserved = schema > EXPONENTIAL_SCHEMA_MAX && schema <= RESERVED_SCHEMA_MAX;
  if (reserved) histogram.schema = EXPONENTIAL_SCHEMA_MAX;
  const broken = reading.tooLong ? TOO_LONG : validateHistogram(histogram);
  if (broken !== undefined) {
    sink.invalidHistogram(timestampMs, broken);
    return;
  }
  const known = reserved
    ? reduceResolution({ ...histogram, schema }, EXPONENTIAL_SCHEMA_MAX)
    : histogram;
  sink.histogram(timestampMs, known, stale);
}

const TOO_LONG = `a list of spans, buckets or bounds is longer than ${HISTOGRAM_BUCKETS_MAX}`;

class HistogramReading {
  readonly histogram: NativeHistogram = {
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
  timestampMs = 0;
  stale = false;
  /** A list was longer than any histogram's may be; its rest was not kept. */
  tooLong = false;
  readonly #reader: ProtoReader;

  constructor(reader: ProtoReader) {
    this.#reader = reader;
  }

  /** Reads the field whose tag was read. Repeated numbers may come packed or one by one. */
  field(tag: number, end: number): void {
    const { histogram } = this;
    const reader = this.#reader;
    switch (tag) {
      case COUNT_INT:
        histogram.float = false;
        histogram.count = reader.uint64(end);
        return;
      case COUNT_FLOAT:
        histogram.float = true;
        histogram.count = reader.double(end);
        return;
      case SUM:
        this.stale = isStale(reader.view, reader.fixed64(end));
        histogram.sum = this.stale ? Number.NaN : reader.view.getFloat64(reader.at - 8, true);
        return;
      case SCHEMA:
        histogram.schema = reader.sint32(end);
        return;
      case ZERO_THRESHOLD:
        histogram.zeroThreshold = reader.double(end);
        return;
      case ZERO_COUNT_INT:
        histogram.zeroCount = reader.uint64(end);
        return;
      case ZERO_COUNT_FLOAT:
        histogram.zeroCount = reader.double(end);
        return;
      case RESET_HINT:
        histogram.resetHint = reader.int32(end);
        return;
      case TIMESTAMP:
        this.timestampMs = reader.int64(end);
        return;
      default:
        this.#listField(tag, end);
    }
  }

  #listField(tag: number, end: number): void {
    const { histogram } = this;
    switch (tag) {
      case NEGATIVE_SPAN:
        this.#span(histogram.negativeSpans, end);
        return;
      case POSITIVE_SPAN:
        this.#span(histogram.positiveSpans, end);
        return;
      case NEGATIVE_DELTAS:
      case NEGATIVE_DELTA:
        this.#integers(histogram.negativeDeltas, tag === NEGATIVE_DELTAS, end);
        return;
      case POSITIVE_DELTAS:
      case POSITIVE_DELTA:
        this.#integers(histogram.positiveDeltas, tag === POSITIVE_DELTAS, end);
        return;
      case NEGATIVE_COUNTS:
      case NEGATIVE_COUNT:
        this.#doubles(histogram.negativeCounts, tag === NEGATIVE_COUNTS, end);
        return;
      case POSITIVE_COUNTS:
      case POSITIVE_COUNT:
        this.#doubles(histogram.positiveCounts, tag === POSITIVE_COUNTS, end);
        return;
      case CUSTOM_VALUES:
      case CUSTOM_VALUE:
        this.#doubles(histogram.customValues, tag === CUSTOM_VALUES, end);
        return;
      default:
        this.#reader.skipUnknown(tag, end, KNOWN);
    }
  }

  #span(spans: BucketSpan[], end: number): void {
    const reader = this.#reader;
    const spanEnd = reader.length(end);
    const span = { offset: 0, length: 0 };
    while (reader.at < spanEnd) {
      const tag = reader.tag(spanEnd);
      if (tag === SPAN_OFFSET) span.offset = reader.sint32(spanEnd);
      else if (tag === SPAN_LENGTH) span.length = reader.uint32(spanEnd);
      else reader.skipUnknown(tag, spanEnd, KNOWN_IN_SPAN);
    }
    if (this.#hasRoom(spans)) spans.push(span);
  }

  #integers(list: bigint[], packed: boolean, end: number): void {
    const reader = this.#reader;
    const listEnd = packed ? reader.length(end) : end;
    do {
      if (packed && reader.at === listEnd) return;
      const value = reader.sint64(listEnd);
      if (this.#hasRoom(list)) list.push(value);
      else reader.at = packed ? listEnd : reader.at;
    } while (packed);
  }

  #doubles(list: number[], packed: boolean, end: number): void {
    const reader = this.#reader;
    const listEnd = packed ? reader.length(end) : end;
    do {
      if (packed && reader.at === listEnd) return;
      const value = reader.double(listEnd);
      if (this.#hasRoom(list)) list.push(value);
      else reader.at = packed ? listEnd : reader.at;
    } while (packed);
  }

  #hasRoom(list: readonly unknown[]): boolean {
    this.tooLong ||= list.length === HISTOGRAM_BUCKETS_MAX;
    return !this.tooLong;
  }
}
