import type { CompleteWindow, FailedWindow, WindowName } from '../../completion-store.ts';
import {
  int8Array,
  seriesIdArray,
  textArray,
  timeArray,
  widthArray,
} from '../connection/array-parameters.ts';
import { pieceColumns } from '../windows/piece-columns.ts';

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
    ...pieceColumns(windows, inputsOid),
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
