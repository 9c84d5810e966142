import type { Piece, TimeUs } from '@millrace/model';
import { PieceNumber, type PieceColumns } from '@millrace/wire';
import { timeArray, widthArray } from '../connection/array-parameters.ts';
import type { BinaryWriter } from '../connection/binary-writer.ts';
import { pieceKeys, pieceParameters } from './piece-parameters.ts';
import { letterPayload, type Letter, type RowSet } from '../connection/row-set.ts';
import { idHalf, orderByIdHigh } from '../samples/series-order.ts';
import type { Session } from '../connection/session.ts';
import { encodeWindowCopy } from './window-copy.ts';

const PIECE_ROWS_MAX = 5_000;

/** From so many on copying them costs less than what it takes beside: see `stage-open.sql`. */
const STAGED_ROWS_MIN = 5_000;
/** In one statement, for which they lie in a table of their own. */
const STAGED_ROWS_MAX = 60_000;

type PieceContext = Readonly<{
  partition: number;
  inputsOid: number;
  /** Whose bytes go out as COPY; undefined: they are parameters. */
  copyWriter: BinaryWriter | undefined;
}>;

/** Pieces that may still change: one row each, the given revision replaces what is there. */
export function openRowSet(pieces: PieceColumns, context: PieceContext): RowSet {
  const { copyWriter: writer } = context;
  const order = orderOf(pieces);
  return {
    entry: 'open window',
    count: pieces.count,
    rowsMax: writer === undefined ? PIECE_ROWS_MAX : STAGED_ROWS_MAX,
    insert: async (session, from, to) => {
      const places = order.subarray(from, to);
      if (writer !== undefined && places.length >= STAGED_ROWS_MIN) {
        await session.run('stage-open');
        const slices = encodeWindowCopy(writer, pieces, places, context.partition);
        await session.copy('copy-open', slices);
        await session.runPlannedAnew('merge-open');
        await session.run('unstage-open');
      } else await session.run('upsert-open', pieceParameters(pieces, places, context));
      return [];
    },
    letter: (row) => pieceLetter(pieces.pieceAt(order[row]!)),
  };
}

/** Pieces that will not change again: appended, and no longer open. */
export function finalRowSet(finals: PieceColumns, context: PieceContext): RowSet {
  const { partition, copyWriter: writer } = context;
  const order = orderOf(finals);
  let openStarts: OpenStarts | undefined;
  const mayBeOpen = async (session: Session, places: Uint32Array): Promise<boolean> => {
    const starts = (openStarts ??= await lookAtStarts(session, finals));
    if (starts === 'unknown') return true;
    const startsOf = (at: number) => starts.get(finals.number(at, PieceNumber.widthUs));
    return places.some((at) => startsOf(at)?.has(finals.number(at, PieceNumber.startUs)));
  };
  return {
    entry: 'window',
    count: finals.count,
    rowsMax: PIECE_ROWS_MAX,
    insert: async (session, from, to) => {
      const places = order.subarray(from, to);
      const { dropped, open } = await lookAtEditions(session, finals, places);
      if (writer !== undefined && !dropped) {
        const slices = encodeWindowCopy(writer, finals, places, partition);
        await session.copy('copy-windows', slices);
      } else await session.run('insert-finals', pieceParameters(finals, places, context));
      if (open && (await mayBeOpen(session, places))) {
        await session.runPlannedAnew('delete-open', pieceKeys(finals, places, partition));
      }
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

/** By width the starts of which some piece is open. */
type OpenStarts = ReadonlyMap<TimeUs, ReadonlySet<TimeUs>> | 'unknown';

/** Of more windows than so many, as a past of years has, each piece is looked for. */
const WINDOWS_MAX = 100;

/**
 * After a backlog a million pieces become final that were never put out as open, while of other
 * times some are: to look for each takes half as long as to append it. Asked once for all that one
 * transaction makes final, before it deletes any: of those that it has deleted every look would
 * read what is left.
 */
async function lookAtStarts(session: Session, pieces: PieceColumns): Promise<OpenStarts> {
  const starts = new StartsByWidth();
  const places: number[] = [];
  for (let at = 0; at < pieces.count; at += 1) {
    if (starts.add(pieces, at)) places.push(at);
    if (places.length > WINDOWS_MAX) return 'unknown';
  }
  const number = (which: PieceNumber) => (i: number) => pieces.number(places[i]!, which);
  const { rows } = await session.runPlannedAnew<{ place: number }>('look-at-open-starts', [
    widthArray(places.length, number(PieceNumber.widthUs)),
    timeArray(places.length, number(PieceNumber.startUs)),
  ]);
  const open = new StartsByWidth();
  for (const { place } of rows) open.add(pieces, places[place - 1]!);
  return open;
}

class StartsByWidth extends Map<TimeUs, Set<TimeUs>> {
  /** Whether the piece's window is the first of its width and start. */
  add(pieces: PieceColumns, at: number): boolean {
    const widthUs = pieces.number(at, PieceNumber.widthUs);
    const startUs = pieces.number(at, PieceNumber.startUs);
    const starts = this.get(widthUs);
    if (starts?.has(startUs) === true) return false;
    if (starts === undefined) this.set(widthUs, new Set([startUs]));
    else starts.add(startUs);
    return true;
  }
}

function pieceLetter(piece: Piece): Letter {
  const { fingerprint: series, startUs: timeUs } = piece;
  return { series, timeUs, payload: letterPayload(piece) };
}
