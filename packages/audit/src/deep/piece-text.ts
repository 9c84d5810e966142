import { fingerprintHex, type Piece } from '@millrace/model';
import type { StoredPiece } from '@millrace/store';
import type { WordDigest } from './word-digest.ts';

export type AnyPiece = Omit<Piece, 'fingerprint'>;
type Halves = Readonly<{ high: number; low: number }>;

const COLUMNS = [
  ...(['count', 'marked', 'sum', 'min', 'max', 'first', 'firstTimeUs', 'last'] as const),
  ...(['lastTimeUs', 'increase', 'histogram', 'distinct', 'inputs'] as const),
] as const satisfies readonly (keyof AnyPiece)[];

/** What names a piece: its first 8 bytes are the series. */
export function pieceKey(
  digest: WordDigest,
  params: Readonly<{ piece: AnyPiece; series: Uint8Array; partition: number }>,
): Halves {
  const { piece, series, partition } = params;
  digest.begin().bytes(series.subarray(0, 8)).number(partition);
  return digest
    .number(piece.edition)
    .number(piece.widthUs)
    .number(piece.startUs)
    .number(piece.piece)
    .end();
}

/** All its columns, and whether it is final. */
export function pieceDigest(digest: WordDigest, piece: AnyPiece, isFinal: boolean): Halves {
  digest.begin().number(isFinal ? 1 : 0);
  for (const column of COLUMNS) {
    const value = piece[column];
    if (typeof value === 'boolean') digest.number(value ? 1 : 0);
    else if (typeof value === 'object') digest.bytes(value);
    else digest.number(value);
  }
  return digest.end();
}

/** The columns in which two differ, as text: `sum 3`, `sum 4`. */
export function differentColumns(
  expected: AnyPiece & Readonly<{ isFinal: boolean }>,
  found: StoredPiece,
): { expected: string; found: string } {
  const differ = COLUMNS.filter(
    (column) => columnText(expected, column) !== columnText(found, column),
  );
  const names = differ.length === 0 ? [] : differ;
  const state = (piece: Readonly<{ isFinal: boolean }>): string[] =>
    expected.isFinal === found.isFinal ? [] : [piece.isFinal ? 'final' : 'open'];
  const text = (piece: AnyPiece & Readonly<{ isFinal: boolean }>): string =>
    [...state(piece), ...names.map((name) => `${name} ${columnText(piece, name)}`)].join(', ');
  return { expected: text(expected), found: text(found) };
}

function columnText(piece: AnyPiece, column: (typeof COLUMNS)[number]): string {
  const value = piece[column];
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return Object.is(value, -0) ? '-0' : String(value);
}

export function describePiece(piece: AnyPiece, series: Uint8Array): string {
  const { edition, widthUs, startUs, piece: life } = piece;
  const start = new Date(startUs / 1000).toISOString();
  return (
    `window ${start} + ${widthUs / 1_000_000} s of series ` +
    `${series.length === 8 ? Buffer.from(series).readBigInt64BE() : fingerprintHex(series)}, ` +
    `edition ${edition}, piece ${life}`
  );
}
