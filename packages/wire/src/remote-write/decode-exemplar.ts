import type { Label } from '@millrace/model';
import { DecodeError } from '../samples/decode-error.ts';
import { decodeLabel, lenientText } from './decode-labels.ts';
import { tagOf, WireType, type ProtoReader } from './proto-reader.ts';
import type { RemoteWriteSink } from './remote-write-sink.ts';

/** OpenMetrics lets an exemplar have 128 characters of labels in all. */
const LABELS_MAX = 64;

const LABEL = tagOf(1, WireType.bytes);
const VALUE = tagOf(2, WireType.fixed64);
const TIMESTAMP = tagOf(3, WireType.varint);
const KNOWN = 0b1110;

/** Reads the Exemplar at which the reader stands. */
export function decodeExemplar(reader: ProtoReader, end: number, sink: RemoteWriteSink): void {
  const labels: Label[] = [];
  let value = 0;
  let timestampMs = 0;
  while (reader.at < end) {
    const tag = reader.tag(end);
    if (tag === LABEL) {
      if (labels.length === LABELS_MAX) {
        throw new DecodeError('too_many_labels', `an exemplar has more than ${LABELS_MAX} labels`);
      }
      labels.push(decodeLabel(reader, reader.length(end), lenientText));
    } else if (tag === VALUE) {
      value = reader.double(end);
    } else if (tag === TIMESTAMP) {
      timestampMs = reader.int64(end);
    } else {
      reader.skipUnknown(tag, end, KNOWN);
    }
  }
  sink.exemplar(timestampMs, value, labels);
}
