import { SampleFlag } from '@millrace/model';
import type { BinaryWriter } from '../connection/binary-writer.ts';
import { bucketOfPack, PACK_SAMPLES_MAX, type Packs } from './pack-samples.ts';
import { writeCopyHeader } from '../connection/copy-header.ts';
import { ScaledValues } from './scaled-values.ts';

const COLUMNS = 13;
/** Bytes of a row beside its arrays, and of a sample in them, at most. */
const ROW_BYTES = 160;
const SAMPLE_BYTES = 20;

const INT2 = { oid: 21, bytes: 2 };
const INT4 = { oid: 23, bytes: 4 };
const FLOAT8 = { oid: 701, bytes: 8 };

const values = new ScaledValues(PACK_SAMPLES_MAX);

/** To encode so many takes less than to store what the socket holds meanwhile. */
const SLICE_BYTES = 128 * 1024;

/**
 * Packs [from, to) as rows of `samples_packed` in the format of binary COPY, some at a time: each
 * slice is valid until the next one is asked for.
 */
export function* encodePackedCopy(
  into: BinaryWriter,
  packs: Packs,
  from: number,
  to: number,
): Generator<Buffer, void> {
  let pack = from;
  do {
    into.clear();
    if (pack === from) writeCopyHeader(into);
    for (; pack < to && into.length < SLICE_BYTES; pack += 1) writePack(into, packs, pack);
    if (pack === to) into.int16(-1);
    yield into.written();
  } while (pack < to);
}

function writePack(into: BinaryWriter, packs: Packs, pack: number): void {
  const { samples, flags } = packs;
  const series = packs.series[pack]!;
  const from = packs.starts[pack]!;
  const to = packs.starts[pack + 1]!;
  values.fit(packs, from, to);
  const isScaled = values.form !== 'floats';
  const step = stepOf(packs, from, to);
  into.reserve(ROW_BYTES + SAMPLE_BYTES * (to - from));
  into.int16(COLUMNS);
  into.int32(8);
  into.uint32(samples.idHigh(series));
  into.uint32(samples.idLow(series));
  into.int32(8);
  into.time(bucketOfPack(packs, pack));
  into.int32(8);
  into.time(packs.times[from]!);
  if (isScaled) {
    into.int32(8);
    into.int64(values.base);
  } else {
    into.int32(-1);
  }
  optionalInt32(into, step);
  optionalInt32(into, isScaled ? values.divisor : undefined);
  into.int32(2);
  into.int16(to - from);
  if (step === undefined) writeOffsets(into, packs, from, to);
  else into.int32(-1);
  writeValues(into, 'small', to - from);
  writeValues(into, 'large', to - from);
  writeValues(into, 'floats', to - from);
  if (packs.flagsOfAny === 0) {
    into.int32(-1);
    into.int32(-1);
    return;
  }
  writePlaces(into, from, to, (i) => (flags[i]! & SampleFlag.stale) !== 0);
  writePlaces(into, from, to, (i) => (flags[i]! & SampleFlag.unverified) !== 0);
}

/** Microseconds between all neighbours; undefined when that is not one number. */
function stepOf({ times }: Packs, from: number, to: number): number | undefined {
  if (to - from === 1) return 0;
  const step = times[from + 1]! - times[from]!;
  for (let i = from + 2; i < to; i += 1) {
    if (times[i]! - times[i - 1]! !== step) return undefined;
  }
  return step;
}

function writeOffsets(into: BinaryWriter, packs: Packs, from: number, to: number): void {
  const { times } = packs;
  const start = times[from]!;
  writeArrayHead(into, INT4, to - from);
  for (let i = from; i < to; i += 1) {
    into.int32(4);
    into.int32(times[i]! - start);
  }
}

function writeValues(into: BinaryWriter, form: ScaledValues['form'], count: number): void {
  if (values.form !== form) {
    into.int32(-1);
    return;
  }
  const { elements } = values;
  if (form === 'small') {
    writeArrayHead(into, INT2, count);
    into.int16Elements(elements, count);
  } else if (form === 'large') {
    writeArrayHead(into, INT4, count);
    into.int32Elements(elements, count);
  } else {
    writeArrayHead(into, FLOAT8, count);
    for (let i = 0; i < count; i += 1) {
      into.int32(8);
      into.float64(elements[i]!);
    }
  }
}

/** Places, counted from 1, of those that are so; NULL when none is. */
function writePlaces(
  into: BinaryWriter,
  from: number,
  to: number,
  isSo: (i: number) => boolean,
): void {
  let count = 0;
  for (let i = from; i < to; i += 1) if (isSo(i)) count += 1;
  if (count === 0) {
    into.int32(-1);
    return;
  }
  writeArrayHead(into, INT2, count);
  for (let i = from; i < to; i += 1) {
    if (!isSo(i)) continue;
    into.int32(2);
    into.int16(i - from + 1);
  }
}

/** The size in bytes, then what every array begins with. */
function writeArrayHead(
  into: BinaryWriter,
  element: Readonly<{ oid: number; bytes: number }>,
  count: number,
): void {
  into.int32(20 + (4 + element.bytes) * count);
  into.int32(1);
  into.int32(0);
  into.int32(element.oid);
  into.int32(count);
  into.int32(1);
}

function optionalInt32(into: BinaryWriter, value: number | undefined): void {
  if (value === undefined) {
    into.int32(-1);
    return;
  }
  into.int32(4);
  into.int32(value);
}
