import {
  ExponentialHistogram,
  fingerprintHex,
  HyperLogLog,
  PieceInputs,
  type Piece,
} from '@millrace/model';
import { windowKey, type NaiveWindow, type OracleRun } from '@millrace/transformer/testing';

/** What a window shows of all its pieces; a column nobody asked for is undefined. */
export type WindowColumns = Record<string, number | string | boolean | undefined>;

/** Merges the pieces of all partitions as readers do, in the order (partition, piece). */
export function mergePieces(
  pieces: readonly (Piece & { partition: number })[],
): Map<string, WindowColumns> {
  const windows = new Map<string, Piece[]>();
  const sorted = pieces.toSorted((a, b) => a.partition - b.partition || a.piece - b.piece);
  for (const piece of sorted) {
    const { edition, widthUs, startUs } = piece;
    const key = windowKey(edition, fingerprintHex(piece.fingerprint), widthUs, startUs);
    const known = windows.get(key);
    if (known === undefined) windows.set(key, [piece]);
    else known.push(piece);
  }
  return new Map([...windows].map(([key, some]) => [key, columnsOf(some)]));
}

function columnsOf(pieces: readonly Piece[]): WindowColumns {
  const numbers = (column: 'sum' | 'min' | 'max' | 'increase'): number[] =>
    pieces.map((piece) => piece[column]).filter((value) => value !== undefined);
  const sum = (values: readonly number[]): number | undefined =>
    values.length === 0 ? undefined : values.reduce((a, b) => a + b, 0);
  const [min, max] = [numbers('min'), numbers('max')];
  const merged = <T extends { merge(other: T): void }>(
    column: 'histogram' | 'distinct' | 'inputs',
    into: T,
    decode: (bytes: Uint8Array) => T,
  ): T | undefined => {
    const parts = pieces.map((piece) => piece[column]).filter((bytes) => bytes !== undefined);
    for (const bytes of parts) into.merge(decode(bytes));
    return parts.length === 0 ? undefined : into;
  };
  const histogram = merged('histogram', ExponentialHistogram.empty(), (b) =>
    ExponentialHistogram.decode(b),
  );
  const distinct = merged('distinct', HyperLogLog.empty(), (b) => HyperLogLog.decode(b));
  const inputs = merged('inputs', PieceInputs.empty(), (b) => PieceInputs.decode(b));
  return {
    count: sum(pieces.map(({ count }) => count)),
    sum: sum(numbers('sum')),
    min: min.length === 0 ? undefined : Math.min(...min),
    max: max.length === 0 ? undefined : Math.max(...max),
    increase: sum(numbers('increase')),
    histogram: histogram && hex(histogram.encode()),
    distinct: distinct && hex(distinct.encode()),
    sumLast: inputs?.sumLast(),
    marked: pieces.some(({ marked }) => marked),
  };
}

/** The same out of what the samples of all partitions give. */
export function naiveColumns(runs: readonly OracleRun[]): Map<string, WindowColumns> {
  const windows = new Map<string, { window: NaiveWindow; run: OracleRun }>();
  for (const run of runs) {
    for (const [key, window] of run.windows) {
      const known = windows.get(key)?.window;
      if (known === undefined) windows.set(key, { run, window: { ...window } });
      else {
        known.values = [...known.values, ...window.values];
        known.increase += window.increase;
        known.histograms = (known.histograms ?? 0) + (window.histograms ?? 0);
        known.marked = known.marked === true || window.marked === true;
      }
    }
  }
  return new Map([...windows].map(([key, { window, run }]) => [key, naiveOf(window, run)]));
}

function naiveOf(window: NaiveWindow, run: OracleRun): WindowColumns {
  const { columns, distinctLabel } = run.editions.get(window.edition)!.rule;
  const has = (column: (typeof columns)[number]): boolean => columns.includes(column);
  const values = window.values.map(({ value }) => value);
  const isEmpty = values.length === 0;
  const histogram = ExponentialHistogram.empty();
  for (const value of values) histogram.add(value);
  const newest = new Map<string, { timeUs: number; value: number }>();
  for (const { input, timeUs, value } of window.values) {
    if ((newest.get(input)?.timeUs ?? -Infinity) < timeUs) newest.set(input, { timeUs, value });
  }
  const last = [...newest.values()].reduce((total, { value }) => total + value, 0);
  return {
    count: values.length + (window.histograms ?? 0),
    sum: has('sum') ? values.reduce((a, b) => a + b, 0) : undefined,
    min: has('min') && !isEmpty ? Math.min(...values) : undefined,
    max: has('max') && !isEmpty ? Math.max(...values) : undefined,
    increase: has('increase') ? window.increase : undefined,
    histogram: has('histogram') && !isEmpty ? hex(histogram.encode()) : undefined,
    distinct: has('distinct') && !isEmpty ? distinctOf(window, distinctLabel) : undefined,
    sumLast: has('inputs') && !isEmpty ? last : undefined,
    marked: window.marked === true,
  };
}

function distinctOf({ values }: NaiveWindow, label: string | null): string {
  const distinct = HyperLogLog.empty();
  for (const { value, labels } of values) {
    const text = label === null ? undefined : labels[label];
    if (label === null) distinct.addNumber(value);
    else if (text !== undefined) distinct.addText(text);
  }
  return hex(distinct.encode());
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
