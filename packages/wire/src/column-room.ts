/**
 * Room for the columns of one record after the other, for readers that are through with a record
 * before they read the next: memory outside of the heap costs more to make than to fill.
 */
export class ColumnRoom {
  #buffer = new ArrayBuffer(ROOM_MIN);
  #taken = 0;

  /** The columns of the record before are not valid any more. */
  reset(): void {
    this.#taken = 0;
  }

  floats(length: number): Float64Array {
    return new Float64Array(this.#buffer, this.#take(8 * length), length);
  }

  words(length: number): Uint32Array {
    return new Uint32Array(this.#buffer, this.#take(4 * length), length);
  }

  bytes(length: number): Uint8Array {
    return new Uint8Array(this.#buffer, this.#take(length), length);
  }

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

const ROOM_MIN = 65_536;
