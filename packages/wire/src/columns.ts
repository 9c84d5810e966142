import { endianness } from 'node:os';
import { MillraceError } from '@millrace/runtime';
import { decode } from '@msgpack/msgpack';

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
  // Never as a Buffer: its `slice` does not copy, and neither would that of the columns.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    return arrayField(decode(plain), 'the record');
  } catch (error) {
    throw corruptRecord('it is not a MessagePack array', error);
  }
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

export function stringField(value: unknown, what: string): string {
  if (typeof value !== 'string') throw corruptRecord(`${what} is not a string`);
  return value;
}

export function arrayField(value: unknown, what: string): unknown[] {
  if (!Array.isArray(value)) throw corruptRecord(`${what} is not an array`);
  return value;
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
