import { SampleFlag } from '@millrace/model';
import type { HistogramRowColumns, SampleRowColumns } from '../../reader-rows.ts';
import type { CopyOutRows } from '../connection/copy-out-rows.ts';

/** Rows of one chunk at least: a chunk is what a socket gives at once. */
const ROWS_MIN = 2048;

/** All rows that are here, as columns. */
export function sampleColumns(rows: CopyOutRows): SampleRowColumns {
  let columns = columnsOf(ROWS_MIN);
  do columns = takeValued(rows, columns);
  while (takeOne(rows, columns, takeValue));
  return columns;
}

/** The same of native histograms. */
export function histogramColumns(rows: CopyOutRows): HistogramRowColumns {
  const histograms: Uint8Array[] = [];
  let columns = columnsOf(ROWS_MIN);
  const take = (into: SampleRowColumns, i: number): void => {
    const isThere = rows.field();
    histograms.push(isThere ? rows.bytes() : new Uint8Array(0));
    [into.values[i], into.absent[i]] = [NaN, isThere ? 0 : 1];
  };
  while (takeOne(rows, columns, take)) columns = withRoom(columns);
  return { ...columns, histograms };
}

/** Time, series, stale, unverified, value: of a row that has one. */
const VALUED_SIZES = [8, 8, 1, 1, 8];
const VALUED_BYTES = 2 + 4 * 5 + 26;
const AT = { time: 6, id: 18, stale: 30, unverified: 35, value: 40 } as const;

/** The rows up to one without a value, or to the last that is here as a whole. */
function takeValued(rows: CopyOutRows, given: SampleRowColumns): SampleRowColumns {
  let columns = withRoom(given);
  const { view } = rows;
  for (;;) {
    const at = rows.shaped(VALUED_SIZES, VALUED_BYTES);
    if (at < 0) return columns;
    const i = columns.count;
    columns.times[i] = rows.timeUsAt(at + AT.time);
    columns.idHigh[i] = view.getUint32(at + AT.id);
    columns.idLow[i] = view.getUint32(at + AT.id + 4);
    columns.flags[i] = flagsOf(
      view.getUint8(at + AT.stale) !== 0,
      view.getUint8(at + AT.unverified) !== 0,
    );
    columns.values[i] = view.getFloat64(at + AT.value);
    columns.count += 1;
    if (columns.count === columns.times.length) columns = withRoom(columns);
  }
}

function takeValue(columns: SampleRowColumns, i: number, rows: CopyOutRows): void {
  if (rows.field()) columns.values[i] = rows.float64();
  else [columns.values[i], columns.absent[i]] = [NaN, 1];
}

/** The next row, into columns that have room for it; false: it is not here. */
function takeOne(
  rows: CopyOutRows,
  columns: SampleRowColumns,
  takeRest: (columns: SampleRowColumns, i: number, rows: CopyOutRows) => void,
): boolean {
  if (!rows.next()) return false;
  const i = columns.count;
  rows.field();
  columns.times[i] = rows.timeUs();
  rows.field();
  columns.idHigh[i] = rows.high();
  columns.idLow[i] = rows.low();
  rows.field();
  const isStale = rows.boolean();
  rows.field();
  columns.flags[i] = flagsOf(isStale, rows.boolean());
  takeRest(columns, i, rows);
  columns.count += 1;
  return true;
}

function flagsOf(isStale: boolean, isUnverified: boolean): number {
  return (isStale ? SampleFlag.stale : 0) | (isUnverified ? SampleFlag.unverified : 0);
}

export function columnsOf(length: number): SampleRowColumns {
  return {
    count: 0,
    idHigh: new Uint32Array(length),
    idLow: new Uint32Array(length),
    times: new Float64Array(length),
    values: new Float64Array(length),
    flags: new Uint8Array(length),
    absent: new Uint8Array(length),
  };
}

/** As they are, or copies with room for one more row. */
export function withRoom(columns: SampleRowColumns): SampleRowColumns {
  if (columns.count < columns.times.length) return columns;
  const into = columnsOf(2 * columns.times.length);
  into.count = columns.count;
  into.idHigh.set(columns.idHigh);
  into.idLow.set(columns.idLow);
  into.times.set(columns.times);
  into.values.set(columns.values);
  into.flags.set(columns.flags);
  into.absent.set(columns.absent);
  return into;
}
