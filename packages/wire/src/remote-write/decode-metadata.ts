import type { MetricMetadata } from '../events/events-record.ts';
import { LENIENT_TEXT_BYTES_MAX, lenientText } from './decode-labels.ts';
import { METRIC_TYPES } from './metric-type.ts';
import { tagOf, WireType, type ProtoReader } from './proto-reader.ts';

const TYPE = tagOf(1, WireType.varint);
const METRIC = tagOf(2, WireType.bytes);
const HELP = tagOf(4, WireType.bytes);
const UNIT = tagOf(5, WireType.bytes);
const KNOWN = 0b110110;

/**
 * Reads the MetricMetadata at which the reader stands. A type from the future is `unknown`.
 * Undefined when it tells nothing of any metric: the name is missing, or so long that cutting it
 * would name another one.
 */
export function decodeMetadata(reader: ProtoReader, end: number): MetricMetadata | undefined {
  const metadata: MetricMetadata = { metric: '', type: 'unknown', help: '', unit: '' };
  let nameable = true;
  while (reader.at < end) {
    const tag = reader.tag(end);
    if (tag === TYPE) {
      metadata.type = METRIC_TYPES[reader.int32(end)] ?? 'unknown';
    } else if (tag === METRIC) {
      metadata.metric = text(reader, end);
      nameable = Buffer.byteLength(metadata.metric) < LENIENT_TEXT_BYTES_MAX;
    } else if (tag === HELP) {
      metadata.help = text(reader, end);
    } else if (tag === UNIT) {
      metadata.unit = text(reader, end);
    } else {
      reader.skipUnknown(tag, end, KNOWN);
    }
  }
  return nameable && metadata.metric !== '' ? metadata : undefined;
}

function text(reader: ProtoReader, end: number): string {
  const textEnd = reader.length(end);
  const value = lenientText(reader.bytes, reader.at, textEnd);
  reader.at = textEnd;
  return value;
}
