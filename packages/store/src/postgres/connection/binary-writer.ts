/** Microseconds between 1970, our epoch, and 2000, PostgreSQL's. */
const POSTGRES_EPOCH_US = 946_684_800_000_000;
const WORD = 0x1_0000_0000;

/** Writes values in PostgreSQL's binary format: big-endian, grown as needed. */
export class BinaryWriter {
  #bytes: Buffer;
  #view: DataView;
  #at = 0;

  constructor(bytesExpected = 1024) {
    this.#bytes = Buffer.allocUnsafe(bytesExpected);
    this.#view = viewOf(this.#bytes);
  }

  get length(): number {
    return this.#at;
  }

  /** What was written; valid until the next write. */
  written(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  /** Begins anew; what `written` gave out is overwritten. */
  clear(): void {
    this.#at = 0;
  }

  uint8(value: number): void {
    this.reserve(1);
    this.#view.setUint8(this.#at, value);
    this.#at += 1;
  }

  int16(value: number): void {
    this.reserve(2);
    this.#view.setInt16(this.#at, value);
    this.#at += 2;
  }

  int32(value: number): void {
    this.reserve(4);
    this.#view.setInt32(this.#at, value);
    this.#at += 4;
  }

  /** Elements of an array, each behind its length. */
  int16Elements(elements: Float64Array, count: number): void {
    this.reserve(6 * count);
    const view = this.#view;
    for (let i = 0, at = this.#at; i < count; i += 1, at += 6) {
      view.setInt32(at, 2);
      view.setInt16(at + 4, elements[i]!);
    }
    this.#at += 6 * count;
  }

  /** Likewise. */
  int32Elements(elements: Float64Array, count: number): void {
    this.reserve(8 * count);
    const view = this.#view;
    for (let i = 0, at = this.#at; i < count; i += 1, at += 8) {
      view.setInt32(at, 4);
      view.setInt32(at + 4, elements[i]!);
    }
    this.#at += 8 * count;
  }

  uint32(value: number): void {
    this.reserve(4);
    this.#view.setUint32(this.#at, value);
    this.#at += 4;
  }

  /** Exact for every safe integer. */
  int64(value: number): void {
    this.reserve(8);
    const high = Math.floor(value / WORD);
    this.#view.setInt32(this.#at, high);
    this.#view.setUint32(this.#at + 4, value - high * WORD);
    this.#at += 8;
  }

  /** A timestamptz, from microseconds since 1970. */
  time(timeUs: number): void {
    this.int64(timeUs - POSTGRES_EPOCH_US);
  }

  float64(value: number): void {
    this.reserve(8);
    this.#view.setFloat64(this.#at, value);
    this.#at += 8;
  }

  bytes(source: Uint8Array, from = 0, length: number = source.length - from): void {
    this.reserve(length);
    // A loop is faster than a copy for the few bytes of an id.
    if (length <= 16) {
      for (let i = 0; i < length; i += 1) this.#bytes[this.#at + i] = source[from + i]!;
    } else {
      this.#bytes.set(source.subarray(from, from + length), this.#at);
    }
    this.#at += length;
  }

  text(value: string): void {
    this.reserve(value.length * 3);
    this.#at += this.#bytes.write(value, this.#at, 'utf8');
  }

  sizedText(value: string): void {
    const start = this.#at;
    this.int32(0);
    this.text(value);
    this.#view.setInt32(start, this.#at - start - 4);
  }

  /** As JSON, in quotes; most of it needs nothing else. */
  jsonText(value: string): void {
    const { length } = value;
    this.reserve(length + 2);
    const [bytes, from] = [this.#bytes, this.#at + 1];
    for (let i = 0; i < length; i += 1) {
      const code = value.charCodeAt(i);
      if (code < 0x20 || code > 0x7e || code === 0x22 || code === 0x5c) {
        return this.text(JSON.stringify(value));
      }
      bytes[from + i] = code;
    }
    bytes[from - 1] = 0x22;
    bytes[from + length] = 0x22;
    this.#at = from + length + 1;
  }

  /** Writes the length of what `write` puts out in front of it, or -1 (NULL) for `false`. */
  sized(write: () => void | false): void {
    const start = this.#at;
    this.int32(-1);
    if (write() === false) this.#at = start + 4;
    else this.#view.setInt32(start, this.#at - start - 4);
  }

  reserve(length: number): void {
    if (this.#at + length <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + length));
    this.#bytes.copy(grown, 0, 0, this.#at);
    this.#bytes = grown;
    this.#view = viewOf(grown);
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
