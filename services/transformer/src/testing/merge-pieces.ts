import {
  ExponentialHistogram,
  fingerprintHex,
  HyperLogLog,
  PieceInputs,
  type Piece,
} from '@millrace/model';
import { windowKey } from './naive-oracle.ts';

/** A window as readers see it. */
export interface MergedWindow {
  count: number;
  marked: boolean;
  sum: number | undefined;
  increase: number | undefined;
  min: number | undefined;
  max: number | undefined;
  first: string | undefined;
  last: string | undefined;
  histogram: string | undefined;
  distinct: string | undefined;
  inputs: string | undefined;
}

/** Merges pieces of one partition as readers do, in the order in which they were opened. */
export function mergePieces(pieces: readonly Piece[]): Map<string, MergedWindow> {
  const windows = new Map<string, Piece[]>();
  for (const piece of [...pieces].sort((a, b) => a.piece - b.piece)) {
    const series = fingerprintHex(piece.fingerprint);
    const key = windowKey(piece.edition, series, piece.widthUs, piece.startUs);
    windows.set(key, [...(windows.get(key) ?? []), piece]);
  }
  return new Map([...windows].map(([key, of]) => [key, merge(of)]));
}

function merge(pieces: readonly Piece[]): MergedWindow {
  const known = (column: 'sum' | 'increase' | 'min' | 'max'): number[] =>
    pieces.map((piece) => piece[column]).filter((value) => value !== undefined);
  const total = (column: 'sum' | 'increase'): number | undefined => {
    const values = known(column);
    return values.length === 0 ? undefined : values.reduce((a, b) => a + b, 0);
  };
  // NaN counts only while there is nothing else; -0 is 0.
  const least = (
    column: 'min' | 'max',
    of: (...values: number[]) => number,
  ): number | undefined => {
    const values = known(column);
    const numbers = values.filter((value) => !Number.isNaN(value));
    if (values.length === 0) return undefined;
    return numbers.length === 0 ? NaN : of(...numbers) + 0;
  };
  const timed = pieces.filter(({ lastTimeUs }) => lastTimeUs !== undefined);
  const first = pieces
    .filter(({ firstTimeUs }) => firstTimeUs !== undefined)
    .reduce<Piece | undefined>(
      (a, b) => (a && a.firstTimeUs! <= b.firstTimeUs! ? a : b),
      undefined,
    );
  const last = timed.reduce<Piece | undefined>(
    (a, b) => (a && a.lastTimeUs! > b.lastTimeUs! ? a : b),
    undefined,
  );
  return {
    count: pieces.reduce((sum, { count }) => sum + count, 0),
    marked: pieces.some(({ marked }) => marked),
    sum: total('sum'),
    increase: total('increase'),
    min: least('min', Math.min),
    max: least('max', Math.max),
    first: first && `${first.firstTimeUs} ${first.first}`,
    last: last && `${last.lastTimeUs} ${last.last}`,
    histogram: sketch(pieces, 'histogram', ExponentialHistogram),
    distinct: sketch(pieces, 'distinct', HyperLogLog),
    inputs: sketch(pieces, 'inputs', PieceInputs),
  };
}

interface Sketch<T> {
  merge(other: T): void;
  encode(): Uint8Array;
}

function sketch<T extends Sketch<T>>(
  pieces: readonly Piece[],
  column: 'histogram' | 'distinct' | 'inputs',
  kind: Readonly<{ empty(): T; decode(bytes: Uint8Array): T }>,
): string | undefined {
  const encoded = pieces.map((piece) => piece[column]).filter((bytes) => bytes !== undefined);
  if (encoded.length === 0) return undefined;
  const merged = kind.empty();
  for (const bytes of encoded) merged.merge(kind.decode(bytes));
  return Buffer.from(merged.encode()).toString('base64');
}
