import type { Piece, TimeUs } from '@millrace/model';
import { PieceNumber, type PieceColumns } from '@millrace/wire';
import { int8Array, seriesIdArray, timeArray, widthArray } from './array-parameters.ts';
import type { BinaryWriter } from './binary-writer.ts';
import { pieceColumns } from './piece-columns.ts';
import { letterPayload, type Letter, type RowSet } from './row-set.ts';
import { idHalf, inSeriesOrder, orderByIdHigh } from './series-order.ts';
import type { Session } from './session.ts';
import { encodeWindowCopy } from './window-copy.ts';

const PIECE_ROWS_MAX = 5_000;

type PieceContext = Readonly<{ partition: number; inputsOid: number }>;

/** Pieces that may still change: one row each, the given revision replaces what is there. */
export function openRowSet(given: readonly Piece[], context: PieceContext): RowSet {
  const pieces = inSeriesOrder(given);
  return {
    entry: 'open window',
    count: pieces.length,
    rowsMax: PIECE_ROWS_MAX,
    insert: async (session, from, to) => {
      await session.run('upsert-open', pieceParameters(pieces.slice(from, to), context));
      return [];
    },
    letter: (row) => pieceLetter(pieces[row]!),
  };
}

/** Pieces that will not change again: appended, and no longer open. */
export function finalRowSet(
  finals: PieceColumns,
  /** `copyWriter`: whose bytes go out as COPY; undefined: they are inserted. */
  context: PieceContext & Readonly<{ copyWriter: BinaryWriter | undefined }>,
): RowSet {
  const { partition, copyWriter: writer } = context;
  const order = orderOf(finals);
  return {
    entry: 'window',
    count: finals.count,
    rowsMax: PIECE_ROWS_MAX,
    insert: async (session, from, to) => {
      const places = order.subarray(from, to);
      const pieces = () => Array.from(places, (at) => finals.pieceAt(at));
      const { dropped, open } = await lookAtEditions(session, finals, places);
      if (writer !== undefined && !dropped) {
        writer.clear();
        encodeWindowCopy(writer, finals, places, partition);
        await session.copy('copy-windows', writer.written());
      } else await session.run('insert-finals', pieceParameters(pieces(), context));
      if (open) await session.runPlannedAnew('delete-open', pieceKeys(pieces(), context));
      return [];
    },
    letter: (row) => pieceLetter(finals.pieceAt(order[row]!)),
  };
}

/** Where the pieces of each width are. */
export function placesByWidth(pieces: PieceColumns): Map<TimeUs, number[]> {
  const byWidth = new Map<TimeUs, number[]>();
  for (let at = 0; at < pieces.count; at += 1) {
    const widthUs = pieces.number(at, PieceNumber.widthUs);
    const places = byWidth.get(widthUs);
    if (places === undefined) byWidth.set(widthUs, [at]);
    else places.push(at);
  }
  return byWidth;
}

/** See `series-order.ts`. */
function orderOf(pieces: PieceColumns): Uint32Array {
  const idHigh = new Uint32Array(pieces.count);
  for (let at = 0; at < pieces.count; at += 1) idHigh[at] = idHalf(pieces.fingerprint(at), 0);
  return orderByIdHigh(idHigh);
}

/**
 * Whether any of the pieces' editions was dropped: COPY cannot leave out what comes of it, as the
 * statement does. And whether any has open pieces: of roll-ups most have none, and looking for each
 * piece costs as much as appending it. Those of this partition and source change only with its
 * mark.
 */
async function lookAtEditions(
  session: Session,
  pieces: PieceColumns,
  places: Uint32Array,
): Promise<{ dropped: boolean; open: boolean }> {
  const editions = new Set<number>();
  for (const at of places) editions.add(pieces.number(at, PieceNumber.edition));
  const { rows } = await session.runPlannedAnew<{ dropped: boolean; open: boolean }>(
    'look-at-editions',
    [[...editions]],
  );
  return rows[0]!;
}

function pieceLetter(piece: Piece): Letter {
  const { fingerprint: series, startUs: timeUs } = piece;
  return { series, timeUs, payload: letterPayload(piece) };
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
