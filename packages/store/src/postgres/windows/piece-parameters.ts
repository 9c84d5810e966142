import { PieceNumber, type PieceColumns } from '@millrace/wire';
import {
  booleanArray,
  byteaArray,
  float8Array,
  inputsArray,
  int8Array,
  seriesIdArray,
  timeArray,
  widthArray,
} from '../connection/array-parameters.ts';

/** What names the pieces at some places: a partition, and one array for each column. */
export function pieceKeys(pieces: PieceColumns, places: Uint32Array, partition: number): unknown[] {
  const n = places.length;
  const number = numbersAt(pieces, places);
  return [
    partition,
    int8Array(n, number(PieceNumber.edition)),
    seriesIdArray(n, (i) => pieces.fingerprint(places[i]!)),
    widthArray(n, number(PieceNumber.widthUs)),
    timeArray(n, number(PieceNumber.startUs)),
    int8Array(n, number(PieceNumber.piece)),
  ];
}

/** The same, and what they have folded, in the order of the tables: from `count` to `marked`. */
export function pieceParameters(
  pieces: PieceColumns,
  places: Uint32Array,
  { partition, inputsOid }: Readonly<{ partition: number; inputsOid: number }>,
): unknown[] {
  const n = places.length;
  const number = numbersAt(pieces, places);
  const sketches = (i: number) => pieces.sketches(places[i]!);
  return [
    ...pieceKeys(pieces, places, partition),
    int8Array(n, number(PieceNumber.count)),
    float8Array(n, number(PieceNumber.sum)),
    float8Array(n, number(PieceNumber.min)),
    float8Array(n, number(PieceNumber.max)),
    float8Array(n, number(PieceNumber.first)),
    timeArray(n, number(PieceNumber.firstTimeUs)),
    float8Array(n, number(PieceNumber.last)),
    timeArray(n, number(PieceNumber.lastTimeUs)),
    float8Array(n, number(PieceNumber.increase)),
    byteaArray(n, (i) => sketches(i).histogram),
    byteaArray(n, (i) => sketches(i).distinct),
    inputsArray(inputsOid, n, (i) => sketches(i).inputs),
    booleanArray(n, (i) => pieces.isMarked(places[i]!)),
  ];
}

function numbersAt(pieces: PieceColumns, places: Uint32Array) {
  return (which: PieceNumber) =>
    (i: number): number | undefined => {
      const at = places[i]!;
      return pieces.has(at, which) ? pieces.number(at, which) : undefined;
    };
}
