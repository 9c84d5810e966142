import { PieceNumber, type PieceColumns } from '@millrace/wire';
import { writeInputs } from '../connection/array-parameters.ts';
import type { BinaryWriter } from '../connection/binary-writer.ts';
import { writeCopyHeader } from '../connection/copy-header.ts';

const COLUMNS = 19;
/** As many as of packs. */
const SLICE_BYTES = 128 * 1024;

/**
 * The pieces at some places as rows of `windows`, or of `windows_open`, in the format of binary
 * COPY: half the price of an INSERT. Some at a time: each slice is valid until the next one is
 * asked for.
 */
export function* encodeWindowCopy(
  into: BinaryWriter,
  pieces: PieceColumns,
  places: Uint32Array,
  partition: number,
): Generator<Buffer, void> {
  into.clear();
  writeCopyHeader(into);
  for (const at of places) {
    writeRow(into, pieces, at, partition);
    if (into.length < SLICE_BYTES) continue;
    yield into.written();
    into.clear();
  }
  into.int16(-1);
  yield into.written();
}

function writeRow(into: BinaryWriter, pieces: PieceColumns, at: number, partition: number): void {
  const int64 = (which: PieceNumber): void => {
    into.int32(8);
    into.int64(pieces.number(at, which));
  };
  into.int16(COLUMNS);
  int64(PieceNumber.edition);
  into.int32(8);
  into.bytes(pieces.fingerprint(at), 0, 8);
  // Intervals of nothing but microseconds: days and months would depend on the calendar.
  into.int32(16);
  into.int64(pieces.number(at, PieceNumber.widthUs));
  into.int64(0);
  time(into, pieces, at, PieceNumber.startUs);
  into.int32(4);
  into.int32(partition);
  int64(PieceNumber.piece);
  int64(PieceNumber.count);
  float64(into, pieces, at, PieceNumber.sum);
  float64(into, pieces, at, PieceNumber.min);
  float64(into, pieces, at, PieceNumber.max);
  float64(into, pieces, at, PieceNumber.first);
  time(into, pieces, at, PieceNumber.firstTimeUs);
  float64(into, pieces, at, PieceNumber.last);
  time(into, pieces, at, PieceNumber.lastTimeUs);
  float64(into, pieces, at, PieceNumber.increase);
  const { histogram, distinct, inputs } = pieces.sketches(at);
  bytes(into, histogram);
  bytes(into, distinct);
  if (inputs === undefined) into.int32(-1);
  else into.sized(() => writeInputs(into, inputs));
  into.int32(1);
  into.uint8(pieces.isMarked(at) ? 1 : 0);
}

function float64(into: BinaryWriter, pieces: PieceColumns, at: number, which: PieceNumber): void {
  if (!pieces.has(at, which)) {
    into.int32(-1);
    return;
  }
  into.int32(8);
  into.float64(pieces.number(at, which));
}

function time(into: BinaryWriter, pieces: PieceColumns, at: number, which: PieceNumber): void {
  if (!pieces.has(at, which)) {
    into.int32(-1);
    return;
  }
  into.int32(8);
  into.time(pieces.number(at, which));
}

function bytes(into: BinaryWriter, value: Uint8Array | undefined): void {
  if (value === undefined) {
    into.int32(-1);
    return;
  }
  into.int32(value.length);
  into.bytes(value);
}
