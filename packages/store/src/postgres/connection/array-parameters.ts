import type { TimeUs } from '@millrace/model';
import { BinaryWriter } from './binary-writer.ts';

/** Object ids of built-in types: fixed in every PostgreSQL. */
const OID = {
  bool: 16,
  bytea: 17,
  int8: 20,
  int4: 23,
  text: 25,
  float8: 701,
  timestamptz: 1184,
  interval: 1186,
  jsonb: 3802,
  int8Array: 1016,
  float8Array: 1022,
  timestamptzArray: 1185,
} as const;

/** How the server has `-infinity`. */
const BEGINNING_OF_TIME = -(2 ** 63);

type At<T> = (index: number) => T;

/*
 * One statement inserts many rows out of one array per column. A Buffer parameter travels in the
 * binary format:
 *
 *   int32 dimensions, int32 has NULLs, int32 element type,
 *   int32 length, int32 lower bound, then of each element: int32 size (-1 is NULL), its bytes
 */

/** The first 8 bytes of fingerprints (or of anything else that starts with a series id). */
export function seriesIdArray(count: number, at: At<Uint8Array | undefined>): Buffer {
  return array(OID.int8, count, (into, i) => {
    const bytes = at(i);
    return bytes === undefined ? false : into.bytes(bytes, 0, 8);
  });
}

/** The second 8 bytes of fingerprints. */
export function fingerprintCheckArray(count: number, at: At<Uint8Array>): Buffer {
  return array(OID.int8, count, (into, i) => into.bytes(at(i), 8, 8));
}

export function int8Array(count: number, at: At<number | undefined>): Buffer {
  return array(OID.int8, count, (into, i) => {
    const value = at(i);
    return value === undefined ? false : into.int64(value);
  });
}

export function float8Array(count: number, at: At<number | undefined>): Buffer {
  return array(OID.float8, count, (into, i) => {
    const value = at(i);
    return value === undefined ? false : into.float64(value);
  });
}

export function timeArray(count: number, at: At<TimeUs | undefined>): Buffer {
  return array(OID.timestamptz, count, (into, i) => {
    const timeUs = at(i);
    return timeUs === undefined ? false : into.time(timeUs);
  });
}

/** Times of which some may be -Infinity. */
export function boundArray(count: number, at: At<TimeUs>): Buffer {
  return array(OID.timestamptz, count, (into, i) => {
    const timeUs = at(i);
    if (timeUs === -Infinity) into.int64(BEGINNING_OF_TIME);
    else into.time(timeUs);
  });
}

/** Intervals of nothing but microseconds: days and months would depend on the calendar. */
export function widthArray(count: number, at: At<TimeUs | undefined>): Buffer {
  return array(OID.interval, count, (into, i) => {
    const us = at(i);
    return us === undefined ? false : writeInterval(into, us);
  });
}

export function booleanArray(count: number, at: At<boolean>): Buffer {
  return array(OID.bool, count, (into, i) => into.uint8(at(i) ? 1 : 0));
}

export function textArray(count: number, at: At<string>): Buffer {
  return array(OID.text, count, (into, i) => into.text(at(i)));
}

export function nullableTextArray(count: number, at: At<string | undefined>): Buffer {
  return array(OID.text, count, (into, i) => {
    const text = at(i);
    return text === undefined ? false : into.text(text);
  });
}

/** JSON texts. */
export function jsonbArray(count: number, at: At<string>): Buffer {
  return array(OID.jsonb, count, (into, i) => {
    into.uint8(1);
    into.text(at(i));
  });
}

export function byteaArray(count: number, at: At<Uint8Array | undefined>): Buffer {
  return array(OID.bytea, count, (into, i) => {
    const bytes = at(i);
    return bytes === undefined ? false : into.bytes(bytes);
  });
}

/** Piece inputs (see `piece-inputs.ts` of the model) as the composite type `series_inputs`. */
export function inputsArray(
  inputsOid: number,
  count: number,
  at: At<Uint8Array | undefined>,
): Buffer {
  return array(inputsOid, count, (into, i) => {
    const inputs = at(i);
    return inputs === undefined ? false : writeInputs(into, inputs);
  });
}

const INPUTS_HEADER_BYTES = 5;
const INPUT_BYTES = 24;

/** Piece inputs as a value of `series_inputs`, without its length. */
export function writeInputs(into: BinaryWriter, inputs: Uint8Array): void {
  const view = new DataView(inputs.buffer, inputs.byteOffset, inputs.byteLength);
  const count = view.getUint32(1);
  const place = (i: number) => INPUTS_HEADER_BYTES + INPUT_BYTES * i;
  const column = (oid: number, elementOid: number, write: (at: number) => void) => {
    into.int32(oid);
    into.sized(() => writeArray(into, elementOid, count, (_, i) => write(place(i))));
  };
  into.int32(3);
  column(OID.int8Array, OID.int8, (at) => into.bytes(inputs, at, 8));
  column(OID.timestamptzArray, OID.timestamptz, (at) => into.time(view.getFloat64(at + 8)));
  column(OID.float8Array, OID.float8, (at) => into.float64(view.getFloat64(at + 16)));
}

/** One timestamptz parameter, exact to the microsecond; null for undefined. */
export function timeParameter(timeUs: TimeUs | undefined): Buffer | null {
  if (timeUs === undefined) return null;
  const into = new BinaryWriter(8);
  into.time(timeUs);
  return into.written();
}

/** One float8 to the last bit; a text would make -0 of it 0. */
export function floatParameter(value: number | undefined): Buffer | null {
  if (value === undefined) return null;
  const into = new BinaryWriter(8);
  into.float64(value);
  return into.written();
}

/** One interval of nothing but microseconds. */
export function intervalParameter(us: TimeUs): Buffer {
  const into = new BinaryWriter(16);
  writeInterval(into, us);
  return into.written();
}

function writeInterval(into: BinaryWriter, us: TimeUs): void {
  into.int64(us);
  into.int32(0);
  into.int32(0);
}

/** The same where it may be infinite. */
export function boundParameter(timeUs: TimeUs): Buffer | string {
  if (timeUs === Infinity) return 'infinity';
  return timeUs === -Infinity ? '-infinity' : timeParameter(timeUs)!;
}

type WriteElement = (into: BinaryWriter, index: number) => void | false;

function array(elementOid: number, count: number, write: WriteElement): Buffer {
  const into = new BinaryWriter(32 + 16 * count);
  writeArray(into, elementOid, count, write);
  return into.written();
}

function writeArray(
  into: BinaryWriter,
  elementOid: number,
  count: number,
  write: WriteElement,
): void {
  into.int32(count === 0 ? 0 : 1);
  into.int32(1);
  into.int32(elementOid);
  if (count === 0) return;
  into.int32(count);
  into.int32(1);
  for (let i = 0; i < count; i += 1) into.sized(() => write(into, i));
}
