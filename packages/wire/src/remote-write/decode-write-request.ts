import { DecodeError } from '../samples/decode-error.ts';
import { decodeExemplar } from './decode-exemplar.ts';
import { decodeMetadata } from './decode-metadata.ts';
import { decodeNativeHistogram } from './decode-native-histogram.ts';
import { decodeSample, SAMPLE } from './decode-sample.ts';
import { ProtoReader, tagOf, WireType } from './proto-reader.ts';
import type { RemoteWriteSink } from './remote-write-sink.ts';
import { DEFAULT_WRITE_REQUEST_LIMITS, type WriteRequestLimits } from './write-request-limits.ts';

const SERIES = tagOf(1, WireType.bytes);
const METADATA = tagOf(3, WireType.bytes);
const KNOWN_IN_REQUEST = 0b1010;

const LABEL = tagOf(1, WireType.bytes);
const EXEMPLAR = tagOf(3, WireType.bytes);
const HISTOGRAM = tagOf(4, WireType.bytes);
const KNOWN_IN_SERIES = 0b11110;

/**
 * Decodes an (uncompressed) `prometheus.WriteRequest` of remote write 1.0 into a sink, without
 * an object for any series or sample.
 *
 * @throws DecodeError `malformed_protobuf`, or `too_many_…` beyond the limits.
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
    reader.at = sink.expectedRun?.(body, reader.at, budget) ?? reader.at;
    if (reader.at < end) decodeField(reader, sink, { budget, limits });
    if (budget.seriesMax < 0) throw tooMany('series', limits.seriesMax);
    if (budget.samplesMax < 0) throw tooMany('samples', limits.samplesMax);
  }
}

function decodeField(
  reader: ProtoReader,
  sink: RemoteWriteSink,
  { budget, limits }: Readonly<{ budget: WriteRequestLimits; limits: WriteRequestLimits }>,
): void {
  const end = reader.bytes.length;
  const tag = reader.tag(end);
  if (tag === SERIES) {
    if ((budget.seriesMax -= 1) < 0) throw tooMany('series', limits.seriesMax);
    decodeSeries(reader, reader.length(end), sink, budget);
  } else if (tag === METADATA) {
    if ((budget.metadataMax -= 1) < 0) throw tooMany('metadata', limits.metadataMax);
    const metadata = decodeMetadata(reader, reader.length(end));
    if (metadata !== undefined) sink.metadata(metadata);
  } else {
    reader.skipUnknown(tag, end, KNOWN_IN_REQUEST);
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
  if (tellExpectedSeries(reader, end, sink, budget)) return;
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

/**
 * The usual case: the series that was expected, and behind its labels nothing but samples. Its
 * labels are compared as a whole and never parsed. False when it is not so, and then nothing was
 * told and the reader stands where it did.
 */
function tellExpectedSeries(
  reader: ProtoReader,
  end: number,
  sink: RemoteWriteSink,
  budget: WriteRequestLimits,
): boolean {
  const { bytes } = reader;
  const labelsEnd = sink.expect(bytes, reader.at, end);
  if (labelsEnd < 0) return false;
  let samples = 0;
  for (let at = labelsEnd; at < end; samples += 1) {
    // A length of two bytes, which no sample needs, counts as none here.
    if (bytes[at] !== SAMPLE || at + 2 > end || bytes[at + 1]! > 0x7f) return false;
    at += 2 + bytes[at + 1]!;
    if (at > end) return false;
  }
  budget.samplesMax -= samples;
  if (budget.samplesMax < 0) return true;
  sink.expectedSeries();
  for (let at = labelsEnd; at < end;) {
    reader.at = at + 2;
    at = reader.at + bytes[at + 1]!;
    decodeSample(reader, at, sink);
  }
  reader.at = end;
  return true;
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

function tooMany(what: 'series' | 'samples' | 'metadata', max: number): DecodeError {
  return new DecodeError(`too_many_${what}`, `the request has more than ${max} ${what}`);
}
