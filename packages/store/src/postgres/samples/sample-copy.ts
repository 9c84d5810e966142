import { SampleFlag } from '@millrace/model';
import type { SampleColumns } from '@millrace/wire';
import type { BinaryWriter } from '../connection/binary-writer.ts';
import { writeCopyHeader } from '../connection/copy-header.ts';
import { idHalf, orderByIdHigh } from './series-order.ts';
import { MINUTE_US } from '../layout/time-spans.ts';

const ROW_BYTES = 2 + 4 * 12 + 2 * 5 + 8;

/** The start of the coarse time that a time lies in: column `bucket`. */
export function bucketOf(timeUs: number): number {
  return Math.floor(timeUs / MINUTE_US) * MINUTE_US;
}

/** The order in which rows go into the table: by series, of one series as they came. */
export function orderBySeries({ seriesIds }: SampleColumns, rows: Uint32Array): Uint32Array {
  return orderByIdHigh(rows.map((row) => idHalf(seriesIds, row * 8))).map((i) => rows[i]!);
}

/**
 * The given rows in the format of binary COPY, in their order: of `samples_narrow`, or with a
 * partition of the events log of `samples_head`.
 */
export function encodeSampleCopy(
  into: BinaryWriter,
  samples: SampleColumns,
  rows: Uint32Array,
  partition?: number,
): void {
  writeCopyHeader(into);
  for (let i = 0; i < rows.length; i += 1) {
    into.reserve(ROW_BYTES);
    into.int16(partition === undefined ? 6 : 7);
    writeRow(into, samples, rows[i]!);
    if (partition === undefined) continue;
    into.int32(4);
    into.int32(partition);
  }
  into.int16(-1);
}

function writeRow(into: BinaryWriter, samples: SampleColumns, row: number): void {
  const timeUs = samples.times[row]!;
  const flags = samples.flags[row]!;
  const stale = (flags & SampleFlag.stale) !== 0;
  into.int32(8);
  into.time(timeUs);
  into.int32(8);
  into.time(bucketOf(timeUs));
  into.int32(8);
  into.bytes(samples.seriesIds, row * 8, 8);
  if (stale) {
    into.int32(-1);
  } else {
    into.int32(8);
    into.float64(samples.values[row]!);
  }
  into.int32(1);
  into.uint8(stale ? 1 : 0);
  into.int32(1);
  into.uint8((flags & SampleFlag.unverified) === 0 ? 0 : 1);
}
