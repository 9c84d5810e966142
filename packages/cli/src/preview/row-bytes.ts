import type { Piece } from '@millrace/model';

/** A row's header with its bitmap of NULLs, and where it stands in its page. */
const ROW_HEAD_BYTES = 32 + 4;
/** Edition, series, width, start, partition, piece and count of `windows`. */
const ALWAYS_BYTES = 8 + 8 + 16 + 8 + 8 + 8 + 8;
/** Entry of the index on (series_id, start), in pages that are nine tenths full. */
const INDEX_BYTES = Math.ceil(28 / 0.9);
const ALIGNMENT = 8;
/** Lengths that fit into one byte before the value. */
const SHORT_BYTES_MAX = 126;
const INPUTS_HEAD_BYTES = 5;

/** Of a raw sample in `samples_packed`, 10 s apart, as it is measured on the reference load. */
export const RAW_SAMPLE_BYTES = 6.4;

/** What a piece takes up in PostgreSQL as a row of `windows`, its index included. */
export function rowBytes(piece: Piece): number {
  const { sum, min, max, first, firstTimeUs, last, lastTimeUs, increase } = piece;
  const numbers = [sum, min, max, first, firstTimeUs, last, lastTimeUs, increase];
  const columns =
    ALWAYS_BYTES +
    8 * numbers.filter((value) => value !== undefined).length +
    bytesOf(piece.histogram) +
    bytesOf(piece.distinct) +
    inputsBytes(piece.inputs) +
    1;
  return ROW_HEAD_BYTES + Math.ceil(columns / ALIGNMENT) * ALIGNMENT + INDEX_BYTES;
}

function bytesOf(value: Uint8Array | undefined): number {
  if (value === undefined) return 0;
  return value.length + (value.length <= SHORT_BYTES_MAX ? 1 : 4);
}

/** Three arrays in a composite value; the piece has 24 bytes for each input as well. */
function inputsBytes(inputs: Uint8Array | undefined): number {
  if (inputs === undefined) return 0;
  return 24 + 3 * 28 + Math.max(0, inputs.length - INPUTS_HEAD_BYTES);
}
