import type { Piece } from '@millrace/model';
import { PieceNumber, type PieceColumns } from '@millrace/wire';

/** Pieces that were seen, told apart by what names them: series, window, edition and life. */
export class PieceSet {
  readonly #pieces: Piece[] = [];
  /** By place. */
  readonly #isLeftOut: boolean[] = [];
  /** A piece's place plus one, by its hash; open addressing, at most half full. */
  #slots = new Int32Array(64);

  /** False when it is there already, or was left out. */
  add(piece: Piece): boolean {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = hashOf(piece) & mask;
    for (; slots[slot] !== 0; slot = (slot + 1) & mask) {
      if (isSame(this.#pieces[slots[slot]! - 1]!, piece)) return false;
    }
    slots[slot] = this.#pieces.push(piece);
    this.#isLeftOut.push(false);
    if (this.#pieces.length * 2 > slots.length) this.#grow();
    return true;
  }

  has(piece: Piece): boolean {
    const place = this.#placeOf(piece);
    return place >= 0 && !this.#isLeftOut[place]!;
  }

  /** For good, if it is there. */
  leaveOut(piece: Piece): void {
    const place = this.#placeOf(piece);
    if (place >= 0) this.#isLeftOut[place] = true;
  }

  /** The same with each of these. There may be very many: none of them becomes an object. */
  leaveOutAll(columns: PieceColumns): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let at = 0; at < columns.count; at += 1) {
      for (let slot = hashAt(columns, at) & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
        const place = slots[slot]! - 1;
        if (!isSameAt(this.#pieces[place]!, columns, at)) continue;
        this.#isLeftOut[place] = true;
        break;
      }
    }
  }

  #placeOf(piece: Piece): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let slot = hashOf(piece) & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const place = slots[slot]! - 1;
      if (isSame(this.#pieces[place]!, piece)) return place;
    }
    return -1;
  }

  #grow(): void {
    const slots = new Int32Array(this.#slots.length * 4);
    const mask = slots.length - 1;
    this.#pieces.forEach((piece, i) => {
      let slot = hashOf(piece) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = i + 1;
    });
    this.#slots = slots;
  }
}

/** A fingerprint is a digest: any four bytes of it are as good as a hash. */
function hashOf({ fingerprint, startUs, widthUs, piece, edition }: Piece): number {
  const series =
    (fingerprint[0]! << 24) | (fingerprint[1]! << 16) | (fingerprint[2]! << 8) | fingerprint[3]!;
  return mixed(series, startUs, widthUs, piece + edition);
}

function hashAt(columns: PieceColumns, at: number): number {
  return mixed(
    columns.fingerprintStart(at),
    columns.number(at, PieceNumber.startUs),
    columns.number(at, PieceNumber.widthUs),
    columns.number(at, PieceNumber.piece) + columns.number(at, PieceNumber.edition),
  );
}

function mixed(series: number, startUs: number, widthUs: number, life: number): number {
  const window = Math.imul((startUs / 1e6) | 0, 0x9e37_79b1) ^ Math.imul((widthUs / 1e6) | 0, 31);
  return (series ^ window ^ Math.imul(life | 0, 0x85eb_ca6b)) >>> 0;
}

function isSame(a: Piece, b: Piece): boolean {
  return (
    a.startUs === b.startUs &&
    a.widthUs === b.widthUs &&
    a.piece === b.piece &&
    a.edition === b.edition &&
    isSameSeries(a.fingerprint, b.fingerprint)
  );
}

function isSameAt(piece: Piece, columns: PieceColumns, at: number): boolean {
  return (
    piece.startUs === columns.number(at, PieceNumber.startUs) &&
    piece.widthUs === columns.number(at, PieceNumber.widthUs) &&
    piece.piece === columns.number(at, PieceNumber.piece) &&
    piece.edition === columns.number(at, PieceNumber.edition) &&
    columns.isOf(at, piece.fingerprint)
  );
}

function isSameSeries(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return false;
  return a.length === b.length;
}
