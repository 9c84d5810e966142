/** 2000-01-01, from which PostgreSQL counts. */
const POSTGRES_EPOCH_US = 946_684_800_000_000;
const TWO_32 = 2 ** 32;
const HEADER_BYTES = 19;

/**
 * Walks the rows of a COPY in the binary format, as its bytes come in. A row is read field after
 * field, in the order of the columns; every one of them must be taken.
 *
 *   header 19 bytes, then of each row: int16 fields, of each field: int32 size (-1 is NULL), bytes
 *   at the end: int16 -1
 */
export class CopyOutRows {
  #bytes: Buffer = Buffer.alloc(0);
  #view: DataView = viewOf(this.#bytes);
  #at = 0;
  #hasHeader = false;
  #size = 0;

  /** Goes on behind what is left of the bytes before. */
  feed(chunk: Buffer): void {
    const left = this.#bytes.subarray(this.#at);
    this.#bytes = left.length === 0 ? chunk : Buffer.concat([left, chunk]);
    this.#view = viewOf(this.#bytes);
    this.#at = 0;
    if (this.#hasHeader || this.#bytes.length < HEADER_BYTES) return;
    this.#at = HEADER_BYTES;
    this.#hasHeader = true;
  }

  /** Moves to the next row; false when it is not here as a whole yet, or was the last. */
  next(): boolean {
    if (!this.#hasHeader || this.#at + 2 > this.#bytes.length) return false;
    const fields = this.#view.getInt16(this.#at);
    if (fields < 0) return false;
    let end = this.#at + 2;
    for (let i = 0; i < fields; i += 1) {
      if (end + 4 > this.#bytes.length) return false;
      const size = this.#view.getInt32(end);
      end += size < 0 ? 4 : 4 + size;
    }
    if (end > this.#bytes.length) return false;
    this.#at += 2;
    return true;
  }

  /**
   * Moves behind the next row if it is here and its fields have exactly these sizes; where it
   * begins in `view`, or -1: then it is taken field by field. Of millions of rows that are all
   * alike, that takes a third.
   */
  shaped(sizes: readonly number[], rowBytes: number): number {
    const start = this.#at;
    if (!this.#hasHeader || start + rowBytes > this.#bytes.length) return -1;
    const view = this.#view;
    if (view.getInt16(start) !== sizes.length) return -1;
    let at = start + 2;
    for (let i = 0; i < sizes.length; i += 1) {
      if (view.getInt32(at) !== sizes[i]) return -1;
      at += 4 + sizes[i]!;
    }
    this.#at = at;
    return start;
  }

  /** Of what is here; another one after each `feed`. */
  get view(): DataView {
    return this.#view;
  }

  /** Steps into the next field; false when it is NULL. Then its value is taken by one of these. */
  field(): boolean {
    this.#size = this.#view.getInt32(this.#at);
    this.#at += 4;
    return this.#size >= 0;
  }

  boolean(): boolean {
    return this.#bytes[this.#step()] !== 0;
  }

  int32(): number {
    return this.#view.getInt32(this.#step());
  }

  /** One that a number holds exactly. */
  int64(): number {
    const at = this.#step();
    return this.#view.getInt32(at) * TWO_32 + this.#view.getUint32(at + 4);
  }

  /** Also one that no number holds. */
  bigint64(): number | bigint {
    const value = this.#view.getBigInt64(this.#step());
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  float64(): number {
    return this.#view.getFloat64(this.#step());
  }

  /** A smallint, an integer or a double precision, by its size. */
  number(): number {
    const size = this.#size;
    const at = this.#step();
    if (size === 2) return this.#view.getInt16(at);
    return size === 4 ? this.#view.getInt32(at) : this.#view.getFloat64(at);
  }

  timeUs(): number {
    return this.int64() + POSTGRES_EPOCH_US;
  }

  /** The time at a place in `view`. */
  timeUsAt(at: number): number {
    const view = this.#view;
    return view.getInt32(at) * TWO_32 + view.getUint32(at + 4) + POSTGRES_EPOCH_US;
  }

  /** Of nothing but microseconds: what months and days it has beside count 30 days and a day. */
  intervalUs(): number {
    const at = this.#step();
    const us = this.#view.getInt32(at) * TWO_32 + this.#view.getUint32(at + 4);
    const days = this.#view.getInt32(at + 8) + 30 * this.#view.getInt32(at + 12);
    return us + days * 86_400_000_000;
  }

  text(): string {
    const at = this.#step();
    return this.#bytes.toString('utf8', at, this.#at);
  }

  /** A copy. */
  bytes(): Uint8Array {
    const at = this.#step();
    return new Uint8Array(this.#bytes.subarray(at, this.#at));
  }

  /** The two halves of 8 bytes: high, then low. */
  high(): number {
    return this.#view.getUint32(this.#at);
  }

  low(): number {
    const at = this.#step();
    return this.#view.getUint32(at + 4);
  }

  /** The elements of an array without NULLs, each read by `take`. */
  array<T>(take: (rows: this) => T): T[] {
    const at = this.#at;
    const end = at + this.#size;
    const isEmpty = this.#view.getInt32(at) === 0;
    const count = isEmpty ? 0 : this.#view.getInt32(at + 12);
    this.#at = isEmpty ? end : at + 20;
    const elements: T[] = [];
    for (let i = 0; i < count; i += 1) {
      this.field();
      elements.push(take(this));
    }
    return elements;
  }

  /** How many elements an array has, each of which follows as a field. */
  arrayLength(): number {
    const dimensions = this.#view.getInt32(this.#at);
    let count = dimensions === 0 ? 0 : 1;
    for (let i = 0; i < dimensions; i += 1) count *= this.#view.getInt32(this.#at + 12 + 8 * i);
    this.#at += 12 + 8 * dimensions;
    return count;
  }

  /** The start of the field's value; moves behind it. */
  #step(): number {
    const at = this.#at;
    this.#at += this.#size;
    return at;
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
