import { decode } from '@msgpack/msgpack';
import { decodeSoundMsgpack, DEPTH_MAX } from './sound-msgpack.ts';

/**
 * What `decodeSoundMsgpack` gives of the same bytes, at a third of its price: lengths are compared
 * with what is there in the pass that makes the values, and a text that was met before is not made
 * again. Series definitions are little but texts, and most of those are the same ones.
 *
 * @throws RangeError as that does.
 */
export function readValue(bytes: Uint8Array): unknown {
  const reader = new ValueReader(bytes);
  try {
    const value = reader.value(0);
    if (reader.isAtEnd) return value;
  } catch (error) {
    if (error !== NOT_READ) throw error;
  }
  // Maps, extensions and whatever is broken: there it is said what is wrong.
  return decodeSoundMsgpack(bytes);
}

/** Arrays of so many members and fewer are rows of fields, of which there may be very many. */
const ROW_MEMBERS_MAX = 64;

/** Thrown and caught in here; it tells nothing. */
export const NOT_READ: RangeError = new RangeError('not read here');

/** Goes through the bytes once; whatever is not as expected is `NOT_READ`. */
export class ValueReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #text: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    const { buffer, byteOffset, byteLength } = bytes;
    // Never as a Buffer: its `slice` does not copy, and neither would that of the columns.
    this.#bytes = new Uint8Array(buffer, byteOffset, byteLength);
    this.#view = new DataView(buffer, byteOffset, byteLength);
    this.#text = Buffer.from(buffer, byteOffset, byteLength);
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** Bytes that are not read yet. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** The length of the array that comes next; its members follow. */
  arrayLength(): number {
    const head = this.#bytes[this.#pass(1)]!;
    let length: number;
    if (head >= 0x90 && head < 0xa0) length = head & 0x0f;
    else if (head === 0xdc || head === 0xdd) length = this.#length(2 << (head - 0xdc));
    else throw NOT_READ;
    if (length > this.left) throw NOT_READ;
    return length;
  }

  number(): number {
    const head = this.#bytes[this.#pass(1)]!;
    if (head < 0x80) return head;
    if (head >= 0xe0) return head - 0x100;
    if (head >= 0xca && head <= 0xd3) return this.#number(head);
    throw NOT_READ;
  }

  /** Whether null comes next; it is passed then. */
  isNull(): boolean {
    if (this.#bytes[this.#at] !== 0xc0) return false;
    this.#at += 1;
    return true;
  }

  boolean(): boolean {
    const head = this.#bytes[this.#pass(1)]!;
    if (head !== 0xc2 && head !== 0xc3) throw NOT_READ;
    return head === 0xc3;
  }

  byteString(): Uint8Array {
    const head = this.#bytes[this.#pass(1)]!;
    if (head < 0xc4 || head > 0xc6) throw NOT_READ;
    return this.#byteString(this.#length(1 << (head - 0xc4)));
  }

  value(depth: number): unknown {
    const at = this.#pass(1);
    const head = this.#bytes[at]!;
    if (head < 0x80) return head;
    if (head >= 0xe0) return head - 0x100;
    if (head >= 0xa0 && head < 0xc0) return this.#textOf(at, head & 0x1f);
    if (head >= 0x90 && head < 0xa0) return this.#array(head & 0x0f, depth);
    if (head >= 0xca && head <= 0xd3) return this.#number(head);
    switch (head) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.#byteString(this.#length(1 << (head - 0xc4)));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#textOf(at, this.#length(1 << (head - 0xd9)));
      case 0xdc:
      case 0xdd:
        return this.#array(this.#length(2 << (head - 0xdc)), depth);
      default:
        throw NOT_READ;
    }
  }

  #array(length: number, depth: number): unknown[] {
    // Each member takes a byte at least: more than there are bytes left is a lie.
    if (length > this.#bytes.length - this.#at || (length > 0 && depth === DEPTH_MAX)) {
      throw NOT_READ;
    }
    // An array that grows ends with room for twice as many; what is said to be long may be a lie.
    const array = new Array<unknown>(Math.min(length, ROW_MEMBERS_MAX));
    for (let i = 0; i < length; i += 1) array[i] = this.value(depth + 1);
    return array;
  }

  #number(head: number): number {
    const view = this.#view;
    switch (head) {
      case 0xca:
        return view.getFloat32(this.#pass(4));
      case 0xcb:
        return view.getFloat64(this.#pass(8));
      case 0xcc:
        return view.getUint8(this.#pass(1));
      case 0xcd:
        return view.getUint16(this.#pass(2));
      case 0xce:
        return view.getUint32(this.#pass(4));
      case 0xd0:
        return view.getInt8(this.#pass(1));
      case 0xd1:
        return view.getInt16(this.#pass(2));
      case 0xd2:
        return view.getInt32(this.#pass(4));
      default: {
        const at = this.#pass(8);
        const high = head === 0xcf ? view.getUint32(at) : view.getInt32(at);
        return high * 2 ** 32 + view.getUint32(at + 4);
      }
    }
  }

  #byteString(length: number): Uint8Array {
    const at = this.#pass(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** A text of so many bytes, whose head is at `head`. */
  #textOf(head: number, length: number): string {
    const bytes = this.#bytes;
    const at = this.#pass(length);
    const end = at + length;
    let hash = length;
    let all = 0;
    for (let i = at; i < end; i += 1) {
      hash = Math.imul(hash ^ bytes[i]!, 0x0100_0193);
      all |= bytes[i]!;
    }
    if (all >= 0x80) {
      // The library goes on behind such a text, and finds other bytes there than in a part.
      if (isCutOff(bytes, at, end)) throw NOT_READ;
      return decode(bytes.subarray(head, end)) as string;
    }
    if (length > KNOWN_LENGTH_MAX) return this.#text.toString('latin1', at, end);
    const place = (hash ^ (hash >>> 15)) & (KNOWN_TEXTS - 1);
    const known = KNOWN[place]!;
    if (known.length === length && isText(known, bytes, at)) return known;
    const text = this.#text.toString('latin1', at, end);
    KNOWN[place] = text;
    return text;
  }

  #length(width: number): number {
    const at = this.#pass(width);
    if (width === 1) return this.#view.getUint8(at);
    return width === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at);
  }

  /** Where the bytes begin that are passed. */
  #pass(length: number): number {
    const at = this.#at;
    if (length > this.#bytes.length - at) throw NOT_READ;
    this.#at = at + length;
    return at;
  }
}

/** Texts that were met, each at the place of its hash: half a megabyte at most. */
const KNOWN_TEXTS = 8192;
const KNOWN_LENGTH_MAX = 64;
const KNOWN: string[] = new Array<string>(KNOWN_TEXTS).fill('');

/** Whether the last character of a text in UTF-8 may want more bytes than there are. */
function isCutOff(bytes: Uint8Array, from: number, to: number): boolean {
  const last = (back: number): number => (to - back < from ? 0 : bytes[to - back]!);
  return last(1) >= 0xc0 || last(2) >= 0xe0 || last(3) >= 0xf0;
}

function isText(text: string, bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < text.length; i += 1) if (text.charCodeAt(i) !== bytes[at + i]) return false;
  return true;
}
