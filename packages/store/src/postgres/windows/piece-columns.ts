import type { Piece } from '@millrace/model';
import {
  booleanArray,
  byteaArray,
  float8Array,
  inputsArray,
  int8Array,
  timeArray,
} from '../connection/array-parameters.ts';

/** What a piece has folded, in the order of the tables: from `count` to `marked`. */
export function pieceColumns(
  pieces: readonly Omit<Piece, 'fingerprint' | 'piece'>[],
  inputsOid: number,
): unknown[] {
  const n = pieces.length;
  return [
    int8Array(n, (i) => pieces[i]!.count),
    float8Array(n, (i) => pieces[i]!.sum),
    float8Array(n, (i) => pieces[i]!.min),
    float8Array(n, (i) => pieces[i]!.max),
    float8Array(n, (i) => pieces[i]!.first),
    timeArray(n, (i) => pieces[i]!.firstTimeUs),
    float8Array(n, (i) => pieces[i]!.last),
    timeArray(n, (i) => pieces[i]!.lastTimeUs),
    float8Array(n, (i) => pieces[i]!.increase),
    byteaArray(n, (i) => pieces[i]!.histogram),
    byteaArray(n, (i) => pieces[i]!.distinct),
    inputsArray(inputsOid, n, (i) => pieces[i]!.inputs),
    booleanArray(n, (i) => pieces[i]!.marked),
  ];
}
