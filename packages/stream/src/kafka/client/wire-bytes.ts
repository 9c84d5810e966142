/** The other side does not speak Kafka's protocol as it should. */
export class WireError extends Error {
  override readonly name = 'WireError';
}

/**
 * Kafka's primitive types, for the few requests and answers that kafkajs does not know or copies
 * too often. Big endian; `compact` ones are of the flexible versions: a length is written plus one
 * as an unsigned varint, and every structure ends with tagged fields.
 */
export class WireReader {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  int8(): number {
    return this.#buffer.readInt8(this.#move(1));
  }

  int16(): number {
    return this.#buffer.readInt16BE(this.#move(2));
  }

  int32(): number {
    return this.#buffer.readInt32BE(this.#move(4));
  }

  /** Offsets and times stay far below 2^53. */
  int64(): number {
    return readInt64(this.#buffer, this.#move(8));
  }

  uvarint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#buffer.readUInt8(this.#move(1));
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new WireError('a number of more than five bytes');
  }

  string(): string {
    return this.#text(this.int16());
  }

  compactString(): string {
    return this.#text(this.uvarint() - 1);
  }

  /** 16 bytes, as hexadecimal digits. */
  uuid(): string {
    const at = this.#move(16);
    return this.#buffer.toString('hex', at, at + 16);
  }

  /** A view, without a copy; null counts as empty. */
  compactBytes(): Buffer {
    const length = Math.max(0, this.uvarint() - 1);
    const at = this.#move(length);
    return this.#buffer.subarray(at, at + length);
  }

  array<T>(read: () => T): T[] {
    return this.#items(this.int32(), read);
  }

  compactArray<T>(read: () => T): T[] {
    return this.#items(this.uvarint() - 1, read);
  }

  /** Skips the tagged fields at the end of a structure: none of them is needed. */
  endStructure(): void {
    for (let count = this.uvarint(); count > 0; count -= 1) {
      this.uvarint();
      this.#move(this.uvarint());
    }
  }

  #items<T>(count: number, read: () => T): T[] {
    const items: T[] = [];
    for (let i = 0; i < count; i += 1) items.push(read());
    return items;
  }

  #text(length: number): string {
    if (length < 0) return '';
    const at = this.#move(length);
    return this.#buffer.toString('utf8', at, at + length);
  }

  #move(length: number): number {
    const at = this.#at;
    if (at + length > this.#buffer.length) throw new WireError('the answer ends too early');
    this.#at = at + length;
    return at;
  }
}

/** The counterpart; grows as needed. */
export class WireWriter {
  #buffer: Buffer = Buffer.allocUnsafe(512);
  #length = 0;

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  int8(value: number): this {
    const at = this.#move(1);
    this.#buffer.writeInt8(value, at);
    return this;
  }

  int16(value: number): this {
    const at = this.#move(2);
    this.#buffer.writeInt16BE(value, at);
    return this;
  }

  int32(value: number): this {
    const at = this.#move(4);
    this.#buffer.writeInt32BE(value, at);
    return this;
  }

  int64(value: number): this {
    const at = this.#move(8);
    writeInt64(this.#buffer, at, value);
    return this;
  }

  uvarint(value: number): this {
    let rest = value;
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) this.int8Unsigned((rest & 0x7f) | 0x80);
    return this.int8Unsigned(rest);
  }

  int8Unsigned(value: number): this {
    const at = this.#move(1);
    this.#buffer.writeUInt8(value, at);
    return this;
  }

  string(text: string): this {
    return this.int16(Buffer.byteLength(text)).#text(text);
  }

  compactString(text: string): this {
    return this.uvarint(Buffer.byteLength(text) + 1).#text(text);
  }

  uuid(hexadecimal: string): this {
    const at = this.#move(16);
    this.#buffer.write(hexadecimal, at, 16, 'hex');
    return this;
  }

  #text(text: string): this {
    const at = this.#move(Buffer.byteLength(text));
    this.#buffer.write(text, at, 'utf8');
    return this;
  }

  /** May replace the buffer: look at that only afterwards. */
  #move(length: number): number {
    const at = this.#length;
    this.#length = at + length;
    if (this.#length > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(this.#length * 2);
      this.#buffer.copy(larger, 0, 0, at);
      this.#buffer = larger;
    }
    return at;
  }
}

export function readInt64(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at) * 2 ** 32 + buffer.readUInt32BE(at + 4);
}

export function writeInt64(buffer: Buffer, at: number, value: number): void {
  buffer.writeInt32BE(Math.floor(value / 2 ** 32), at);
  buffer.writeUInt32BE(value >>> 0, at + 4);
}
