import { FINGERPRINT_BYTES, type Piece } from '@millrace/model';
import { mappedBuffer } from '@millrace/runtime';

/** Which number of a piece stands where; those from `sum` on may be missing. */
export const PieceNumber = {
  edition: 0,
  widthUs: 1,
  startUs: 2,
  piece: 3,
  count: 4,
  sum: 5,
  min: 6,
  max: 7,
  first: 8,
  firstTimeUs: 9,
  last: 10,
  lastTimeUs: 11,
  increase: 12,
} as const;
export type PieceNumber = (typeof PieceNumber)[keyof typeof PieceNumber];

export const PIECE_NUMBERS = 13;

/** What few pieces have. */
export type PieceSketches = Readonly<Pick<Piece, 'histogram' | 'distinct' | 'inputs'>>;

const NO_SKETCHES: PieceSketches = {
  histogram: undefined,
  distinct: undefined,
  inputs: undefined,
};
/** Beside the bits of numbers that are there; the number at that place always is. */
const MARKED_BIT = 1;

/**
 * Pieces as columns. As objects they take four times as many bytes, and what collects garbage goes
 * through each of them again and again: of a million series very many come at once.
 */
export class PieceColumns {
  count = 0;
  #numbers: Float64Array;
  #fingerprints: Uint8Array;
  #bits: Uint16Array;
  /** By place; absent where none has any. */
  #sketches: Map<number, PieceSketches> | undefined;

  constructor(room = 0) {
    this.#numbers = numbersFor(room);
    this.#fingerprints = fingerprintsFor(room);
    this.#bits = new Uint16Array(room);
  }

  static of(pieces: readonly Piece[]): PieceColumns {
    const columns = new PieceColumns(pieces.length);
    for (const piece of pieces) columns.add(piece);
    return columns;
  }

  /** All of these, one behind the other. */
  static concatenated(all: readonly PieceColumns[]): PieceColumns {
    if (all.length === 1) return all[0]!;
    const columns = new PieceColumns(all.reduce((sum, { count }) => sum + count, 0));
    for (const one of all) columns.append(one, 0);
    return columns;
  }

  add(piece: Piece): void {
    const at = this.begin(piece.fingerprint, piece.marked);
    for (const [i, name] of NUMBER_NAMES.entries()) {
      const number = piece[name];
      if (number !== undefined) this.setNumber(at, i as PieceNumber, number);
    }
    const { histogram, distinct, inputs } = piece;
    if (histogram ?? distinct ?? inputs) this.setSketches(at, { histogram, distinct, inputs });
  }

  /** A further piece, of which no number is there yet; tells its place. */
  begin(fingerprint: Uint8Array, isMarked: boolean): number {
    const at = this.count;
    if (at === this.#bits.length) this.#grow(at + 1);
    this.count = at + 1;
    for (let i = 0; i < FINGERPRINT_BYTES; i += 1) {
      this.#fingerprints[FINGERPRINT_BYTES * at + i] = fingerprint[i]!;
    }
    this.#bits[at] = isMarked ? MARKED_BIT : 0;
    return at;
  }

  setNumber(at: number, which: PieceNumber, value: number): void {
    this.#numbers[PIECE_NUMBERS * at + which] = value;
    if (which !== 0) this.#bits[at]! |= 1 << which;
  }

  setSketches(at: number, sketches: PieceSketches): void {
    (this.#sketches ??= new Map()).set(at, sketches);
  }

  /** Of one that is not there any number. */
  number(at: number, which: PieceNumber): number {
    return this.#numbers[PIECE_NUMBERS * at + which]!;
  }

  has(at: number, which: PieceNumber): boolean {
    return which === 0 || (this.#bits[at]! & (1 << which)) !== 0;
  }

  isMarked(at: number): boolean {
    return (this.#bits[at]! & MARKED_BIT) !== 0;
  }

  /** How many have any. */
  get sketchCount(): number {
    return this.#sketches?.size ?? 0;
  }

  sketches(at: number): PieceSketches {
    return this.#sketches?.get(at) ?? NO_SKETCHES;
  }

  /** Shares memory with these columns. */
  fingerprint(at: number): Uint8Array {
    return this.#fingerprints.subarray(FINGERPRINT_BYTES * at, FINGERPRINT_BYTES * (at + 1));
  }

  /** Its first four bytes, most significant first. */
  fingerprintStart(at: number): number {
    const bytes = this.#fingerprints;
    const i = FINGERPRINT_BYTES * at;
    return (bytes[i]! << 24) | (bytes[i + 1]! << 16) | (bytes[i + 2]! << 8) | bytes[i + 3]!;
  }

  /** Whether one of others has its fingerprint; makes no view, as comparing `fingerprint` does. */
  isSameSeries(at: number, others: PieceColumns, place: number): boolean {
    const [bytes, otherBytes] = [this.#fingerprints, others.#fingerprints];
    const [from, otherFrom] = [FINGERPRINT_BYTES * at, FINGERPRINT_BYTES * place];
    for (let i = 0; i < FINGERPRINT_BYTES; i += 1) {
      if (bytes[from + i] !== otherBytes[otherFrom + i]) return false;
    }
    return true;
  }

  pieceAt(at: number): Piece {
    const numbers = NUMBER_NAMES.map((name, i) => {
      const which = i as PieceNumber;
      return [name, this.has(at, which) ? this.number(at, which) : undefined] as const;
    });
    return {
      ...(Object.fromEntries(numbers) as Pick<Piece, 'edition' | 'widthUs' | 'startUs' | 'piece'> &
        Pick<Piece, 'count'>),
      fingerprint: this.fingerprint(at),
      marked: this.isMarked(at),
      ...this.sketches(at),
    };
  }

  /** All of them as objects. */
  *pieces(): Generator<Piece> {
    for (let at = 0; at < this.count; at += 1) yield this.pieceAt(at);
  }

  /** Those of others from a place on, behind these. */
  append(others: PieceColumns, from: number): void {
    const into = this.count;
    const count = Math.max(0, others.count - from);
    if (into + count > this.#bits.length) this.#grow(into + count);
    const part = <T extends Float64Array | Uint8Array | Uint16Array>(column: T, width: number) =>
      column.subarray(width * from, width * others.count);
    this.#numbers.set(part(others.#numbers, PIECE_NUMBERS), PIECE_NUMBERS * into);
    this.#fingerprints.set(part(others.#fingerprints, FINGERPRINT_BYTES), FINGERPRINT_BYTES * into);
    this.#bits.set(part(others.#bits, 1), into);
    for (const [at, sketches] of others.#sketches ?? []) {
      if (at >= from) this.setSketches(into + at - from, sketches);
    }
    this.count = into + count;
  }

  /** Those at some places, in that order. */
  selected(places: Uint32Array): PieceColumns {
    const some = new PieceColumns(places.length);
    for (const at of places) {
      const into = some.begin(this.fingerprint(at), this.isMarked(at));
      const from = PIECE_NUMBERS * at;
      const numbers = this.#numbers.subarray(from, from + PIECE_NUMBERS);
      some.#numbers.set(numbers, PIECE_NUMBERS * into);
      some.#bits[into] = this.#bits[at]!;
      const sketches = this.#sketches?.get(at);
      if (sketches !== undefined) some.setSketches(into, sketches);
    }
    return some;
  }

  #grow(roomMin: number): void {
    const doubled = Math.max(ROOM_MIN, 2 * this.#bits.length, roomMin);
    const room = doubled > USUAL_ROOM_MAX ? Math.max(LARGE_ROOM, doubled) : doubled;
    this.#numbers = grown(numbersFor(room), this.#numbers);
    this.#fingerprints = grown(fingerprintsFor(room), this.#fingerprints);
    this.#bits = grown(new Uint16Array(room), this.#bits);
  }
}

const numbersFor = (room: number): Float64Array =>
  new Float64Array(mappedBuffer(8 * PIECE_NUMBERS * room), 0, PIECE_NUMBERS * room);
const fingerprintsFor = (room: number): Uint8Array =>
  new Uint8Array(mappedBuffer(FINGERPRINT_BYTES * room), 0, FINGERPRINT_BYTES * room);

const ROOM_MIN = 16;
/**
 * Columns of more grow to those of very many at once. Their memory is mapped, and what is not
 * written of it takes none, while what they grow out of is found by the collector late.
 */
const USUAL_ROOM_MAX = 32_768;
const LARGE_ROOM = 16 * USUAL_ROOM_MAX;
const NUMBER_NAMES = Object.keys(PieceNumber) as readonly (keyof typeof PieceNumber)[];

function grown<T extends Float64Array | Uint8Array | Uint16Array>(into: T, from: T): T {
  into.set(from);
  return into;
}
