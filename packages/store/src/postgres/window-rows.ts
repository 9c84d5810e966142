import type { Piece } from '@millrace/model';
import { int8Array, seriesIdArray, timeArray, widthArray } from './array-parameters.ts';
import { pieceColumns } from './piece-columns.ts';
import { letterPayload, type RowSet } from './row-set.ts';
import { inSeriesOrder } from './series-order.ts';
import type { Session } from './session.ts';
import { encodeWindowCopy } from './window-copy.ts';

const PIECE_ROWS_MAX = 5_000;

type PieceContext = Readonly<{ partition: number; inputsOid: number; copiesWindows: boolean }>;

/** Pieces that may still change: one row each, the given revision replaces what is there. */
export function openRowSet(pieces: readonly Piece[], context: PieceContext): RowSet {
  return pieceRowSet('open window', pieces, async (session, some) => {
    await session.run('upsert-open', pieceParameters(some, context));
  });
}

/** Pieces that will not change again: appended, and no longer open. */
export function finalRowSet(pieces: readonly Piece[], context: PieceContext): RowSet {
  return pieceRowSet('window', pieces, async (session, some) => {
    const { dropped, open } = await lookAtEditions(session, some);
    if (context.copiesWindows && !dropped) {
      await session.copy('copy-windows', encodeWindowCopy(some, context.partition));
    } else await session.run('insert-finals', pieceParameters(some, context));
    if (open) await session.runPlannedAnew('delete-open', pieceKeys(some, context));
  });
}

/**
 * Whether any of the pieces' editions was dropped: COPY cannot leave out what comes of it, as the
 * statement does. And whether any has open pieces: of roll-ups most have none, and looking for each
 * piece costs as much as appending it. Those of this partition and source change only with its
 * mark.
 */
async function lookAtEditions(
  session: Session,
  pieces: readonly Piece[],
): Promise<{ dropped: boolean; open: boolean }> {
  const editions = [...new Set(pieces.map(({ edition }) => edition))];
  const { rows } = await session.runPlannedAnew<{ dropped: boolean; open: boolean }>(
    'look-at-editions',
    [editions],
  );
  return rows[0]!;
}

function pieceRowSet(
  entry: string,
  given: readonly Piece[],
  write: (session: Session, some: readonly Piece[]) => Promise<void>,
): RowSet {
  const pieces = inSeriesOrder(given);
  return {
    entry,
    count: pieces.length,
    rowsMax: PIECE_ROWS_MAX,
    insert: async (session, from, to) => {
      await write(session, pieces.slice(from, to));
      return [];
    },
    letter: (row) => {
      const piece = pieces[row]!;
      return {
        series: piece.fingerprint,
        timeUs: piece.startUs,
        payload: letterPayload(piece),
      };
    },
  };
}

function pieceKeys(pieces: readonly Piece[], { partition }: PieceContext): unknown[] {
  const n = pieces.length;
  return [
    partition,
    int8Array(n, (i) => pieces[i]!.edition),
    seriesIdArray(n, (i) => pieces[i]!.fingerprint),
    widthArray(n, (i) => pieces[i]!.widthUs),
    timeArray(n, (i) => pieces[i]!.startUs),
    int8Array(n, (i) => pieces[i]!.piece),
  ];
}

function pieceParameters(pieces: readonly Piece[], context: PieceContext): unknown[] {
  return [...pieceKeys(pieces, context), ...pieceColumns(pieces, context.inputsOid)];
}
