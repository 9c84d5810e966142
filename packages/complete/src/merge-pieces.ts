import { ExponentialHistogram, HyperLogLog, PieceInputs, type Piece } from '@millrace/model';

/** The columns of a piece that readers merge. */
export type MergedColumns = Omit<
  Piece,
  'edition' | 'fingerprint' | 'widthUs' | 'startUs' | 'piece'
>;

/** What readers make of pieces, given by partition: as the view `series_windows` does. */
export function mergePieces(pieces: readonly MergedColumns[]): MergedColumns {
  const first = pieces
    .filter(({ firstTimeUs }) => firstTimeUs !== undefined)
    .reduce<MergedColumns | undefined>(
      (a, b) => (a !== undefined && a.firstTimeUs! <= b.firstTimeUs! ? a : b),
      undefined,
    );
  const last = pieces
    .filter(({ lastTimeUs }) => lastTimeUs !== undefined)
    .reduce<MergedColumns | undefined>(
      (a, b) => (a !== undefined && a.lastTimeUs! > b.lastTimeUs! ? a : b),
      undefined,
    );
  return {
    count: pieces.reduce((sum, { count }) => sum + count, 0),
    marked: pieces.some(({ marked }) => marked),
    sum: total(pieces, 'sum'),
    min: extreme(pieces, 'min', (a, b) => a < b),
    max: extreme(pieces, 'max', (a, b) => a > b),
    first: first?.first,
    firstTimeUs: first?.firstTimeUs,
    last: last?.last,
    lastTimeUs: last?.lastTimeUs,
    increase: total(pieces, 'increase'),
    histogram: sketch(pieces, 'histogram', ExponentialHistogram),
    distinct: sketch(pieces, 'distinct', HyperLogLog),
    inputs: sketch(pieces, 'inputs', PieceInputs),
  };
}

type Numbers = 'sum' | 'increase' | 'min' | 'max';

function known(pieces: readonly MergedColumns[], column: Numbers): number[] {
  return pieces.map((piece) => piece[column]).filter((value) => value !== undefined);
}

/** In the order of the pieces: not of their size. */
function total(pieces: readonly MergedColumns[], column: 'sum' | 'increase'): number | undefined {
  const [first, ...others] = known(pieces, column);
  return first === undefined ? undefined : others.reduce((sum, value) => sum + value, first);
}

/** NaN counts only while there is nothing else; of equal ones (0, -0) the first stays. */
function extreme(
  pieces: readonly MergedColumns[],
  column: 'min' | 'max',
  isBeyond: (a: number, b: number) => boolean,
): number | undefined {
  const [first, ...others] = known(pieces, column);
  if (first === undefined) return undefined;
  return others.reduce((a, b) => (a !== a || isBeyond(b, a) ? b : a), first);
}

interface Sketch<T> {
  merge(other: T): void;
  encode(): Uint8Array;
}

function sketch<T extends Sketch<T>>(
  pieces: readonly MergedColumns[],
  column: 'histogram' | 'distinct' | 'inputs',
  kind: Readonly<{ empty(): T; decode(bytes: Uint8Array): T }>,
): Uint8Array | undefined {
  const encoded = pieces.map((piece) => piece[column]).filter((bytes) => bytes !== undefined);
  if (encoded.length <= 1) return encoded[0];
  const merged = kind.empty();
  for (const bytes of encoded) merged.merge(kind.decode(bytes));
  return merged.encode();
}
