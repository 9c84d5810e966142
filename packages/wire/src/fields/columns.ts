import { endianness } from 'node:os';
import { TIME_US_MAX, type Label, type LabelSet, type TimeUs } from '@millrace/model';
import { MillraceError } from '@millrace/runtime';
import { readValue } from './value-reader.ts';

// Columns are the bytes of typed arrays: records written on another byte order would be misread.
if (endianness() !== 'LE') {
  throw new MillraceError({
    code: 'WIRE_BYTE_ORDER',
    kind: 'permanent',
    message: 'Millrace records hold little-endian columns; this machine is big-endian.',
    remedy: 'Run Millrace on a little-endian machine (x86-64, arm64).',
  });
}

/** The fields of a record. Byte strings among them share memory with `bytes`. */
export function decodeFields(bytes: Uint8Array): unknown[] {
  let fields: unknown;
  try {
    fields = readValue(bytes);
  } catch (error) {
    throw corruptRecord('it is not MessagePack', error);
  }
  return arrayField(fields, 'the record');
}

/** The bytes of a typed array, not copied. */
export function bytesOf(column: ArrayBufferView): Uint8Array {
  return new Uint8Array(column.buffer, column.byteOffset, column.byteLength);
}

/** A float64 column; copies only when the bytes are not aligned. */
export function float64Column(bytes: unknown, what: string): Float64Array {
  const { buffer, byteOffset, byteLength } = alignedBytes(bytes, 8, what);
  return new Float64Array(buffer, byteOffset, byteLength / 8);
}

/** A uint32 column; copies only when the bytes are not aligned. */
export function uint32Column(bytes: unknown, what: string): Uint32Array {
  const { buffer, byteOffset, byteLength } = alignedBytes(bytes, 4, what);
  return new Uint32Array(buffer, byteOffset, byteLength / 4);
}

export function bytesColumn(bytes: unknown, what: string): Uint8Array {
  if (!(bytes instanceof Uint8Array)) throw corruptRecord(`${what} is not a byte string`);
  return bytes;
}

function alignedBytes(bytes: unknown, width: number, what: string): Uint8Array {
  const column = bytesColumn(bytes, what);
  if (column.byteLength % width !== 0) {
    throw corruptRecord(`${what} has ${column.byteLength} bytes, not a multiple of ${width}`);
  }
  return column.byteOffset % width === 0 ? column : new Uint8Array(column);
}

export function numberField(value: unknown, what: string): number {
  if (typeof value !== 'number') throw corruptRecord(`${what} is not a number`);
  return value;
}

/** A count, a number, an offset or a position. */
export function countField(value: unknown, what: string): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw corruptRecord(`${what} is not a whole number`);
}

/** A NaN among the times would make every comparison further on come out false. */
export function timeField(value: unknown, what: string): TimeUs {
  if (typeof value === 'number' && Math.abs(value) <= TIME_US_MAX) return value;
  throw corruptRecord(`${what} is not a time`);
}

export function booleanField(value: unknown, what: string): boolean {
  if (typeof value !== 'boolean') throw corruptRecord(`${what} is neither true nor false`);
  return value;
}

export function stringField(value: unknown, what: string): string {
  if (typeof value !== 'string') throw corruptRecord(`${what} is not a string`);
  return value;
}

export function arrayField(value: unknown, what: string): unknown[] {
  if (!Array.isArray(value)) throw corruptRecord(`${what} is not an array`);
  return value;
}

/** A list of texts. */
export function textsField(value: unknown, what: string): string[] {
  return arrayField(value, what).map((text) => stringField(text, what));
}

/** `[a, b, c, d]` as `[[a, b], [c, d]]`. */
export function pairsField(value: unknown, what: string): [string, string][] {
  const flat = textsField(value, what);
  if (flat.length % 2 !== 0) throw corruptRecord(`${what} are no pairs`);
  const pairs: [string, string][] = [];
  for (let i = 0; i < flat.length; i += 2) pairs.push([flat[i]!, flat[i + 1]!]);
  return pairs;
}

/**
 * The same as labels. One that stands at the same place of `alike` is that one: series that are
 * seen together have most of their labels in common, and those of a million are ten million.
 */
export function labelsField(value: unknown, what: string, alike: LabelSet): LabelSet {
  const flat = arrayField(value, what);
  if (flat.length % 2 !== 0) throw corruptRecord(`${what} are no pairs`);
  const labels: Label[] = [];
  for (let i = 0; i < flat.length; i += 2) {
    const [name, text] = [flat[i], flat[i + 1]];
    const known = alike[i / 2];
    if (known !== undefined && known[0] === name && known[1] === text) labels.push(known);
    else labels.push([stringField(name, what), stringField(text, what)]);
  }
  return labels;
}

/** A record whose bytes passed the log's checksum and still make no sense. */
export function corruptRecord(detail: string, cause?: unknown): MillraceError {
  return new MillraceError({
    code: 'WIRE_CORRUPT',
    kind: 'permanent',
    message: `A record of the log cannot be read: ${detail}. Nothing behind it was skipped.`,
    remedy: 'Check that only Millrace writes to its topics, and keep the log for examination.',
    cause,
  });
}

/** A record of a version this program does not know. */
export function unknownVersion(what: string, version: unknown, known: number): MillraceError {
  return new MillraceError({
    code: 'WIRE_VERSION',
    kind: 'permanent',
    message:
      `A record of ${what} has version ${String(version)}; this program reads up to ${known}. ` +
      'Nothing was skipped; the log keeps it.',
    remedy: 'Run the Millrace release that wrote the log, or a newer one.',
  });
}
