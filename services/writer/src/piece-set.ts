import type { Piece } from '@millrace/model';

/** Pieces that were seen, told apart by what names them: series, window, edition and life. */
export class PieceSet {
  readonly #pieces: Piece[] = [];
  /** A piece's place plus one, by its hash; open addressing, at most half full. */
  #slots = new Int32Array(64);

  /** False when it is there already. */
  add(piece: Piece): boolean {
    const mask = this.#slots.length - 1;
    let slot = hashOf(piece) & mask;
    for (; this.#slots[slot] !== 0; slot = (slot + 1) & mask) {
      if (isSame(this.#pieces[this.#slots[slot]! - 1]!, piece)) return false;
    }
    this.#slots[slot] = this.#pieces.push(piece);
    if (this.#pieces.length * 2 > this.#slots.length) this.#grow();
    return true;
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
  const window = Math.imul((startUs / 1e6) | 0, 0x9e37_79b1) ^ Math.imul((widthUs / 1e6) | 0, 31);
  return (series ^ window ^ Math.imul((piece | 0) + (edition | 0), 0x85eb_ca6b)) >>> 0;
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

function isSameSeries(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return false;
  return a.length === b.length;
}
