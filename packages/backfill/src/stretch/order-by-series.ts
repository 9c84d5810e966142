import type { StretchColumns } from './stretch.ts';

/** The rows by series, in each by time, and of one time in the order of the file. */
export function orderBySeries(columns: StretchColumns, seriesCount: number): Uint32Array {
  const { count, series, times } = columns;
  const starts = new Uint32Array(seriesCount + 1);
  for (let row = 0; row < count; row += 1) starts[series[row]! + 1]! += 1;
  for (let i = 0; i < seriesCount; i += 1) starts[i + 1]! += starts[i]!;
  const rows = new Uint32Array(count);
  const next = starts.slice(0, seriesCount);
  for (let row = 0; row < count; row += 1) {
    const of = series[row]!;
    rows[next[of]!] = row;
    next[of]! += 1;
  }
  for (let i = 0; i < seriesCount; i += 1) {
    const mine = rows.subarray(starts[i], starts[i + 1]);
    // Most files have each series in order.
    if (!isAscending(mine, times)) mine.sort((a, b) => times[a]! - times[b]! || a - b);
  }
  return rows;
}

function isAscending(rows: Uint32Array, times: Float64Array): boolean {
  for (let i = 1; i < rows.length; i += 1) {
    if (times[rows[i]!]! < times[rows[i - 1]!]!) return false;
  }
  return true;
}
