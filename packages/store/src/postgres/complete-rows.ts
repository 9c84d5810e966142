import type { CompleteWindow, FailedWindow, WindowName } from '../completion-store.ts';
import {
  booleanArray,
  byteaArray,
  float8Array,
  inputsArray,
  int8Array,
  seriesIdArray,
  textArray,
  timeArray,
  widthArray,
} from './array-parameters.ts';

/** Rows of `windows_complete` as the parameters of the statement that writes them. */
export function completeParameters(
  windows: readonly CompleteWindow[],
  inputsOid: number,
): unknown[] {
  const n = windows.length;
  return [
    ...nameParameters(windows),
    int8Array(n, (i) => windows[i]!.pieces),
    int8Array(n, (i) => windows[i]!.samples),
    int8Array(n, (i) => windows[i]!.count),
    float8Array(n, (i) => windows[i]!.sum),
    float8Array(n, (i) => windows[i]!.min),
    float8Array(n, (i) => windows[i]!.max),
    float8Array(n, (i) => windows[i]!.first),
    timeArray(n, (i) => windows[i]!.firstTimeUs),
    float8Array(n, (i) => windows[i]!.last),
    timeArray(n, (i) => windows[i]!.lastTimeUs),
    float8Array(n, (i) => windows[i]!.increase),
    byteaArray(n, (i) => windows[i]!.histogram),
    byteaArray(n, (i) => windows[i]!.distinct),
    inputsArray(inputsOid, n, (i) => windows[i]!.inputs),
    booleanArray(n, (i) => windows[i]!.marked),
  ];
}

/** What names windows. */
export function nameParameters(windows: readonly WindowName[]): unknown[] {
  const n = windows.length;
  return [
    int8Array(n, (i) => windows[i]!.edition),
    seriesIdArray(n, (i) => windows[i]!.seriesId),
    widthArray(n, (i) => windows[i]!.widthUs),
    timeArray(n, (i) => windows[i]!.startUs),
  ];
}

/** Rows of `windows_not_completable`. */
export function failedParameters(windows: readonly FailedWindow[]): unknown[] {
  const n = windows.length;
  return [
    ...nameParameters(windows),
    int8Array(n, (i) => windows[i]!.pieces),
    int8Array(n, (i) => windows[i]!.samples),
    textArray(n, (i) => windows[i]!.reason),
  ];
}
