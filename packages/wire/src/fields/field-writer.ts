import { encode } from '@msgpack/msgpack';

/**
 * Writes MessagePack field by field, for records of which there are many thousands a second: no
 * list of fields is made, and byte strings are copied once. What it writes, any MessagePack reader
 * reads (https://github.com/msgpack/msgpack/blob/master/spec.md).
 */
export class FieldWriter {
  #bytes: Buffer;
  #view: DataView;
  #at = 0;

  constructor(bytes = 4096) {
    this.#bytes = Buffer.allocUnsafeSlow(bytes);
    this.#view = viewOf(this.#bytes);
  }

  /** Bytes written since the last reset. */
  get length(): number {
    return this.#at;
  }

  reset(): void {
    this.#at = 0;
  }

  /** What follows are the members of an array. */
  array(members: number): void {
    this.#reserve(5);
    if (members < 16) this.#bytes[this.#at++] = 0x90 | members;
    else if (members < 0x1_0000) {
      this.#bytes[this.#at] = 0xdc;
      this.#view.setUint16(this.#at + 1, members);
      this.#at += 3;
    } else {
      this.#bytes[this.#at] = 0xdd;
      this.#view.setUint32(this.#at + 1, members);
      this.#at += 5;
    }
  }

  /**
   * A number in the form that takes the fewest bytes. -0 is none of the whole ones there; in
   * records of the first releases it is 0.
   */
  number(value: number): void {
    this.#reserve(9);
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) this.#double(value);
    else if (value >= -0x20 && value < 0x80) this.#bytes[this.#at++] = value & 0xff;
    else if (value >= 2 ** 32 || value < -(2 ** 31)) this.#wide(value);
    else if (value < -0x8000 || value > 0xffff) this.#word(value < 0 ? 0xd2 : 0xce, value);
    else if (value < -0x80 || value > 0xff) {
      this.#bytes[this.#at] = value < 0 ? 0xd1 : 0xcd;
      this.#view.setUint16(this.#at + 1, value);
      this.#at += 3;
    } else {
      this.#bytes[this.#at] = value < 0 ? 0xd0 : 0xcc;
      this.#bytes[this.#at + 1] = value & 0xff;
      this.#at += 2;
    }
  }

  text(text: string): void {
    const { length } = text;
    const begun = this.#at;
    this.#reserve(5 + length);
    if (length < 32) this.#bytes[this.#at++] = 0xa0 | length;
    else this.#length(0xd9, length);
    const [bytes, at] = [this.#bytes, this.#at];
    // Most are too short for a call to pay.
    for (let i = 0; i < length; i += 1) {
      const code = text.charCodeAt(i);
      // Rare, and half of a surrogate pair is not what Node writes of it.
      if (code >= 0x80) {
        this.#at = begun;
        return this.raw(encode(text));
      }
      bytes[at + i] = code;
    }
    this.#at = at + length;
  }

  bytes(column: Uint8Array): void {
    const { length } = column;
    this.#reserve(5 + length);
    this.#length(0xc4, length);
    this.#bytes.set(column, this.#at);
    this.#at += length;
  }

  /** The head of a byte string, whose bytes follow by `copy`. */
  bytesOf(length: number): void {
    this.#reserve(5 + length);
    this.#length(0xc4, length);
  }

  /** A portion of a byte string. */
  copy(source: Buffer, from: number, to: number): void {
    this.#at += source.copy(this.#bytes, this.#at, from, to);
  }

  /** A list of anything; most are empty. */
  list<T>(items: readonly T[], row?: (item: T) => unknown): void {
    this.array(items.length);
    // An iterator would leave an object behind for each item: there are millions in a large commit.
    for (let i = 0; i < items.length; i += 1) {
      this.value(row === undefined ? items[i] : row(items[i]!));
    }
  }

  /** Whatever a record may hold, arrays of it among them. */
  value(value: unknown): void {
    if (typeof value === 'number') this.number(value);
    else if (typeof value === 'string') this.text(value);
    else if (value === undefined || value === null) this.#head(0xc0);
    else if (typeof value === 'boolean') this.#head(value ? 0xc3 : 0xc2);
    else if (value instanceof Uint8Array) this.bytes(value);
    else if (Array.isArray(value)) this.list(value);
    else this.raw(encode(value));
  }

  /** What is MessagePack already. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** What was written; valid until something else is. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  /** A copy of what was written, in the memory that `room` gives for it. */
  take(room: (bytes: number) => Uint8Array = newBytes): Uint8Array {
    const copy = room(this.#at);
    copy.set(this.view());
    return copy;
  }

  #head(head: number): void {
    this.#reserve(1);
    this.#bytes[this.#at++] = head;
  }

  #double(value: number): void {
    this.#bytes[this.#at] = 0xcb;
    this.#view.setFloat64(this.#at + 1, value);
    this.#at += 9;
  }

  #word(head: number, value: number): void {
    this.#bytes[this.#at] = head;
    this.#view.setUint32(this.#at + 1, value);
    this.#at += 5;
  }

  #wide(value: number): void {
    const high = Math.floor(value / 2 ** 32);
    this.#bytes[this.#at] = value < 0 ? 0xd3 : 0xcf;
    this.#view.setUint32(this.#at + 1, high);
    this.#view.setUint32(this.#at + 5, value - high * 2 ** 32);
    this.#at += 9;
  }

  /** The head of a text or byte string; `short` is the one with a length of one byte. */
  #length(short: number, length: number): void {
    const at = this.#at;
    const form = length < 0x100 ? 0 : length < 0x1_0000 ? 1 : 2;
    this.#bytes[at] = short + form;
    if (form === 0) this.#bytes[at + 1] = length;
    else if (form === 1) this.#view.setUint16(at + 1, length);
    else this.#view.setUint32(at + 1, length);
    this.#at += 1 + (1 << form);
  }

  #reserve(more: number): void {
    if (this.#at + more <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(2 * (this.#at + more));
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
    this.#view = viewOf(grown);
  }
}

/** All of it is written at once: to fill it with zeros before takes as long again. */
function newBytes(bytes: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer);
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
