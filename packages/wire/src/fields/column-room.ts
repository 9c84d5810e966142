/**
 * Room for the columns of one record after the other, for readers that are through with a record
 * before they read the next: memory outside of the heap costs more to make than to fill. Or of some
 * records together, for readers that are through with all of them before they read others.
 */
export class ColumnRoom {
  #buffer: ArrayBuffer;
  #taken = 0;
  #isHeld = false;

  /** It grows where a record needs more. */
  constructor(bytesMin: number = ROOM_BYTES_MIN) {
    this.#buffer = new ArrayBuffer(bytesMin);
  }

  /** The columns of the record before are not valid any more, unless they are held. */
  reset(): void {
    if (!this.#isHeld) this.#taken = 0;
  }

  /** Columns are valid until `release`. */
  hold(): void {
    this.#isHeld = true;
  }

  /** No columns are valid any more. */
  release(): void {
    this.#isHeld = false;
    this.#taken = 0;
  }

  floats(length: number): Float64Array {
    const at = this.#take(8 * length);
    return new Float64Array(this.#buffer, at, length);
  }

  words(length: number): Uint32Array {
    const at = this.#take(4 * length);
    return new Uint32Array(this.#buffer, at, length);
  }

  bytes(length: number): Uint8Array {
    const at = this.#take(length);
    return new Uint8Array(this.#buffer, at, length);
  }

  /** Where so many bytes begin: perhaps in another buffer than the columns before. */
  #take(bytes: number): number {
    // What was taken of the smaller one stays with whoever has it.
    if (this.#taken + bytes > this.#buffer.byteLength) {
      this.#buffer = new ArrayBuffer(2 * (this.#taken + bytes));
      this.#taken = 0;
    }
    const at = this.#taken;
    // Each begins where the widest may.
    this.#taken = (at + bytes + 7) & ~7;
    return at;
  }
}

const ROOM_BYTES_MIN = 65_536;
