import { isStale } from './is-stale.ts';
import { tagOf, WireType, type ProtoReader } from './proto-reader.ts';
import type { RemoteWriteSink } from './remote-write-sink.ts';

/** The tag of a Sample within its series. */
export const SAMPLE: number = tagOf(2, WireType.bytes);

const VALUE = tagOf(1, WireType.fixed64);
const TIMESTAMP = tagOf(2, WireType.varint);
const KNOWN = 0b110;

/** Tag and value, tag and a time between 1971 and 2109. */
const USUAL_BYTES = 1 + 8 + 1 + 6;

/** Reads the Sample at which the reader stands. */
export function decodeSample(reader: ProtoReader, end: number, sink: RemoteWriteSink): void {
  const { bytes, view, at } = reader;
  if (end - at === USUAL_BYTES && bytes[at] === VALUE && bytes[at + 9] === TIMESTAMP) {
    const first = bytes[at + 10]!;
    const second = bytes[at + 11]!;
    const third = bytes[at + 12]!;
    const fourth = bytes[at + 13]!;
    const fifth = bytes[at + 14]!;
    const sixth = bytes[at + 15]!;
    if ((first & second & third & fourth & fifth) > 0x7f && sixth < 0x80) {
      const low =
        (first & 0x7f) | ((second & 0x7f) << 7) | ((third & 0x7f) << 14) | ((fourth & 0x7f) << 21);
      const high = (fifth & 0x7f) | (sixth << 7);
      const stale = isStale(view, at + 1);
      reader.at = end;
      sink.sample(
        high * 0x1000_0000 + low,
        stale ? Number.NaN : view.getFloat64(at + 1, true),
        stale,
      );
      return;
    }
  }
  decodeAnySample(reader, end, sink);
}

function decodeAnySample(reader: ProtoReader, end: number, sink: RemoteWriteSink): void {
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
      reader.skipUnknown(tag, end, KNOWN);
    }
  }
  sink.sample(timestampMs, stale ? Number.NaN : value, stale);
}
