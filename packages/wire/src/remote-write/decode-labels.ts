import type { Label } from '@millrace/model';
import { DecodeError } from '../samples/decode-error.ts';
import { labelText } from '../fields/label-text.ts';
import { ProtoReader, tagOf, WireType } from './proto-reader.ts';

/**
 * A series' labels are held as objects only once they are asked for. More than any limit of
 * labels lets through, and few enough that empty Label fields of two bytes take no memory.
 */
const LABELS_MAX = 1024;

const LABEL = tagOf(1, WireType.bytes);
const NAME = tagOf(1, WireType.bytes);
const VALUE = tagOf(2, WireType.bytes);
const KNOWN_IN_LABEL = 0b110;

/**
 * The labels in a run of Label fields (with tags) at bytes[start, end), in the order sent and
 * not checked against any limit of the tenant.
 *
 * @throws DecodeError `invalid_utf8`, `malformed_protobuf`, `too_many_labels`.
 */
export function decodeLabels(bytes: Uint8Array, start: number, end: number): Label[] {
  const reader = new ProtoReader(bytes, start);
  const labels: Label[] = [];
  while (reader.at < end) {
    const tag = reader.tag(end);
    if (tag !== LABEL) throw reader.malformed(`field ${tag >>> 3} is no label`);
    if (labels.length === LABELS_MAX) {
      throw new DecodeError('too_many_labels', `a series has more than ${LABELS_MAX} labels`);
    }
    labels.push(decodeLabel(reader, reader.length(end), labelText));
  }
  return labels;
}

/** Reads the Label at which the reader stands. */
export function decodeLabel(
  reader: ProtoReader,
  end: number,
  text: (bytes: Uint8Array, start: number, end: number) => string,
): Label {
  let name = '';
  let value = '';
  while (reader.at < end) {
    const tag = reader.tag(end);
    if (tag !== NAME && tag !== VALUE) {
      reader.skipUnknown(tag, end, KNOWN_IN_LABEL);
      continue;
    }
    const textEnd = reader.length(end);
    if (tag === NAME) name = text(reader.bytes, reader.at, textEnd);
    else value = text(reader.bytes, reader.at, textEnd);
    reader.at = textEnd;
  }
  return [name, value];
}

/** Beyond it a help text or an exemplar's label is cut: a record has to hold it. */
export const LENIENT_TEXT_BYTES_MAX = 1024;

/**
 * Text that only informs (exemplars, help): what the store cannot hold is replaced by U+FFFD and
 * what is too long is cut, because samples must not be refused for it.
 */
export function lenientText(bytes: Uint8Array, start: number, end: number): string {
  const length = Math.min(end - start, LENIENT_TEXT_BYTES_MAX);
  const part = Buffer.from(bytes.buffer, bytes.byteOffset + start, length);
  return part.toString('utf8').replaceAll('\0', '\uFFFD');
}
