import { DecodeError } from '../decode-error.ts';
import { decodeExemplar } from './decode-exemplar.ts';
import { decodeMetadata } from './decode-metadata.ts';
import { decodeNativeHistogram } from './decode-native-histogram.ts';
import { isStale } from './is-stale.ts';
import { ProtoReader, tagOf, WireType } from './proto-reader.ts';
import type { RemoteWriteSink } from './remote-write-sink.ts';

/** Bounds of one request. A series of two bytes would otherwise cost its receiver a hundred. */
export interface WriteRequestLimits {
  seriesMax: number;
  /** Samples, histograms and exemplars together. */
  samplesMax: number;
  metadataMax: number;
}

export const DEFAULT_WRITE_REQUEST_LIMITS: WriteRequestLimits = {
  seriesMax: 1_000_000,
  samplesMax: 2_000_000,
  metadataMax: 100_000,
};

const SERIES = tagOf(1, WireType.bytes);
const METADATA = tagOf(3, WireType.bytes);
const KNOWN_IN_REQUEST = 0b1010;

const LABEL = tagOf(1, WireType.bytes);
const SAMPLE = tagOf(2, WireType.bytes);
const EXEMPLAR = tagOf(3, WireType.bytes);
const HISTOGRAM = tagOf(4, WireType.bytes);
const KNOWN_IN_SERIES = 0b11110;

const VALUE = tagOf(1, WireType.fixed64);
const TIMESTAMP = tagOf(2, WireType.varint);
const KNOWN_IN_SAMPLE = 0b110;

/**
 * Decodes an (uncompressed) `prometheus.WriteRequest` of remote write 1.0 into a sink, without
 * an object for any series or sample.
 *
 * @throws DecodeError `malformed_protobuf`, or `too_many_samples` beyond the limits.
 */
export function decodeWriteRequest(
  body: Uint8Array,
  sink: RemoteWriteSink,
  limits: WriteRequestLimits = DEFAULT_WRITE_REQUEST_LIMITS,
): void {
  const reader = new ProtoReader(body);
  const budget = { ...limits };
  const end = body.length;
  while (reader.at < end) {
    const tag = reader.tag(end);
    if (tag === SERIES) {
      if ((budget.seriesMax -= 1) < 0) throw tooMany('series', limits.seriesMax);
      decodeSeries(reader, reader.length(end), sink, budget);
      if (budget.samplesMax < 0) throw tooMany('samples', limits.samplesMax);
    } else if (tag === METADATA) {
      if ((budget.metadataMax -= 1) < 0) throw tooMany('metadata entries', limits.metadataMax);
      const metadata = decodeMetadata(reader, reader.length(end));
      if (metadata !== undefined) sink.metadata(metadata);
    } else {
      reader.skipUnknown(tag, end, KNOWN_IN_REQUEST);
    }
  }
}

/**
 * Two passes over the fields, because a series may only be named by labels behind its samples:
 * the first finds the labels, the second tells of everything else.
 */
function decodeSeries(
  reader: ProtoReader,
  end: number,
  sink: RemoteWriteSink,
  budget: WriteRequestLimits,
): void {
  const start = reader.at;
  let labelsStart = start;
  let labelsEnd = start;
  let labelBytes = 0;
  let samples = 0;
  while (reader.at < end) {
    const fieldStart = reader.at;
    const tag = reader.tag(end);
    if (tag === LABEL) {
      reader.at = reader.length(end);
      if (labelBytes === 0) labelsStart = fieldStart;
      labelBytes += reader.at - fieldStart;
      labelsEnd = reader.at;
    } else if (tag === SAMPLE || tag === HISTOGRAM || tag === EXEMPLAR) {
      reader.at = reader.length(end);
      samples += 1;
    } else {
      reader.skipUnknown(tag, end, KNOWN_IN_SERIES);
    }
  }
  budget.samplesMax -= samples;
  if (budget.samplesMax < 0) return;
  if (labelsEnd - labelsStart === labelBytes) sink.series(reader.bytes, labelsStart, labelsEnd);
  else tellScatteredLabels(reader, start, end, sink, labelBytes);
  // The usual order is labels, then samples: what is in front of the labels is passed again only
  // when something is there.
  reader.at = labelsStart === start && labelsEnd - labelsStart === labelBytes ? labelsEnd : start;
  tellSamples(reader, end, sink);
}

function tellSamples(reader: ProtoReader, end: number, sink: RemoteWriteSink): void {
  while (reader.at < end) {
    const tag = reader.tag(end);
    if (tag === SAMPLE) decodeSample(reader, reader.length(end), sink);
    else if (tag === LABEL) reader.at = reader.length(end);
    else if (tag === HISTOGRAM) decodeNativeHistogram(reader, reader.length(end), sink);
    else if (tag === EXEMPLAR) decodeExemplar(reader, reader.length(end), sink);
    else reader.skip(tag, end);
  }
}

function decodeSample(reader: ProtoReader, end: number, sink: RemoteWriteSink): void {
  let value = 0;
  let stale = false;
  let timestampMs = 0;
  while (reader.at < end) {
    const tag = reader.tag(end);
    if (tag === VALUE) {
      const at = reader.fixed64(end);
      stale = isStale(reader.view, at);
      value = reader.view.getFloat64(at, true);
    } else if (tag === TIMESTAMP) {
      timestampMs = reader.int64(end);
    } else {
      reader.skipUnknown(tag, end, KNOWN_IN_SAMPLE);
    }
  }
  sink.sample(timestampMs, stale ? Number.NaN : value, stale);
}

/** Rare: other fields stand between the labels, which are copied into one run. */
function tellScatteredLabels(
  reader: ProtoReader,
  start: number,
  end: number,
  sink: RemoteWriteSink,
  labelBytes: number,
): void {
  const run = new Uint8Array(labelBytes);
  let filled = 0;
  reader.at = start;
  while (reader.at < end) {
    const fieldStart = reader.at;
    const tag = reader.tag(end);
    if (tag === LABEL) {
      reader.at = reader.length(end);
      run.set(reader.bytes.subarray(fieldStart, reader.at), filled);
      filled += reader.at - fieldStart;
    } else {
      reader.skip(tag, end);
    }
  }
  sink.series(run, 0, labelBytes);
}

function tooMany(what: string, max: number): DecodeError {
  return new DecodeError('too_many_samples', `the request has more than ${max} ${what}`);
}
