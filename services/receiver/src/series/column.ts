/** Columns that grow and are used again, so that a record costs no allocation per sample. */

const FIRST_CAPACITY = 256;

export class ByteColumn {
  data: Uint8Array = new Uint8Array(FIRST_CAPACITY);
  length = 0;

  push(value: number): void {
    if (this.length === this.data.length) this.#grow(this.length + 1);
    this.data[this.length] = value;
    this.length += 1;
  }

  /** Appends `bytes[start, end)`. */
  append(bytes: Uint8Array, start: number, end: number): void {
    const length = this.length + end - start;
    if (length > this.data.length) this.#grow(length);
    const { data } = this;
    // A view costs more than the loop for the short names and values that labels are.
    if (end - start > 64) data.set(bytes.subarray(start, end), this.length);
    else
      for (let from = start, to = this.length; from < end; from += 1, to += 1) {
        data[to] = bytes[from]!;
      }
    this.length = length;
  }

  view(): Uint8Array {
    return this.data.subarray(0, this.length);
  }

  #grow(length: number): void {
    const grown = new Uint8Array(Math.max(length, this.data.length * 2));
    grown.set(this.data);
    this.data = grown;
  }
}

export class Uint32Column {
  data: Uint32Array = new Uint32Array(FIRST_CAPACITY);
  length = 0;

  push(value: number): void {
    if (this.length === this.data.length) {
      const grown = new Uint32Array(this.data.length * 2);
      grown.set(this.data);
      this.data = grown;
    }
    this.data[this.length] = value;
    this.length += 1;
  }

  /** Makes room for `count` values more, which the caller writes; returns where they start. */
  reserve(count: number): number {
    const at = this.length;
    this.length = at + count;
    if (this.length > this.data.length) {
      const grown = new Uint32Array(Math.max(this.length, this.data.length * 2));
      grown.set(this.data);
      this.data = grown;
    }
    return at;
  }

  append(values: Uint32Array): void {
    const at = this.reserve(values.length);
    this.data.set(values, at);
  }

  view(): Uint32Array {
    return this.data.subarray(0, this.length);
  }

  /** Empty, and as small as in the beginning. */
  reset(): void {
    this.data = new Uint32Array(FIRST_CAPACITY);
    this.length = 0;
  }
}
