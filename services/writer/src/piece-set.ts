import { PieceNumber, type PieceColumns } from '@millrace/wire';

const SLOTS_MIN = 64;

/**
 * Some of the pieces of columns, told apart by what names them: series, window, edition and life.
 * There may be very many: none of them becomes an object.
 */
export class PieceSet {
  readonly #pieces: PieceColumns;
  /** A piece's place plus one, by its hash; open addressing, at most half full. */
  readonly #slots: Int32Array;
  /** By place. */
  readonly #isThere: Uint8Array;

  constructor(pieces: PieceColumns) {
    this.#pieces = pieces;
    let slots = SLOTS_MIN;
    while (slots < 2 * pieces.count) slots *= 2;
    this.#slots = new Int32Array(slots);
    this.#isThere = new Uint8Array(pieces.count);
  }

  /** The one at a place; false when the same one is there already, or was left out. */
  add(at: number): boolean {
    const slot = this.#slotOf(this.#pieces, at);
    if (this.#slots[slot] !== 0) return false;
    this.#slots[slot] = at + 1;
    this.#isThere[at] = 1;
    return true;
  }

  /** Each of these that is there, for good. */
  leaveOut(others: PieceColumns): void {
    for (let at = 0; at < others.count; at += 1) {
      const place = this.#slots[this.#slotOf(others, at)]! - 1;
      if (place >= 0) this.#isThere[place] = 0;
    }
  }

  /** Where those are that are there, in order. */
  places(): Uint32Array {
    let count = 0;
    for (const is of this.#isThere) count += is;
    const places = new Uint32Array(count);
    for (let at = 0, into = 0; into < count; at += 1) {
      if (this.#isThere[at] === 1) {
        places[into] = at;
        into += 1;
      }
    }
    return places;
  }

  /** Where it is, or would be. */
  #slotOf(columns: PieceColumns, at: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = hashAt(columns, at) & mask;
    for (; slots[slot] !== 0; slot = (slot + 1) & mask) {
      if (isSameAt(this.#pieces, slots[slot]! - 1, columns, at)) break;
    }
    return slot;
  }
}

/** A fingerprint is a digest: any four bytes of it are as good as a hash. */
function hashAt(columns: PieceColumns, at: number): number {
  const startUs = columns.number(at, PieceNumber.startUs);
  const widthUs = columns.number(at, PieceNumber.widthUs);
  const life = columns.number(at, PieceNumber.piece) + columns.number(at, PieceNumber.edition);
  const window = Math.imul((startUs / 1e6) | 0, 0x9e37_79b1) ^ Math.imul((widthUs / 1e6) | 0, 31);
  return (columns.fingerprintStart(at) ^ window ^ Math.imul(life | 0, 0x85eb_ca6b)) >>> 0;
}

function isSameAt(some: PieceColumns, place: number, others: PieceColumns, at: number): boolean {
  const isSame = (which: PieceNumber): boolean =>
    some.number(place, which) === others.number(at, which);
  return (
    isSame(PieceNumber.startUs) &&
    isSame(PieceNumber.widthUs) &&
    isSame(PieceNumber.piece) &&
    isSame(PieceNumber.edition) &&
    some.isSameSeries(place, others, at)
  );
}
