import { corruptRecord, arrayField } from './columns.ts';
import { decodeFirstMsgpack, decodeSoundMsgpack } from './sound-msgpack.ts';
import { TextCache } from './text-cache.ts';

/**
 * Reads the MessagePack of a record field by field: the counterpart of `FieldWriter`. Every length
 * is compared with what is there before anything is made by it. It reads whatever a MessagePack
 * writer may make of the fields, not only the shortest form.
 */
export class FieldReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    // Never as a Buffer: its `slice` does not copy, and neither would that of the columns.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The head of the array that holds the fields; undefined when there is none. */
  members(): number | undefined {
    const head = this.#bytes[0] ?? 0;
    this.#at = 1;
    if ((head & 0xf0) === 0x90) return head & 0x0f;
    if (head === 0xdc) return this.#length(2);
    return head === 0xdd ? this.#length(4) : undefined;
  }

  /** Whatever number is there; NaN when it is none. Which ones will do the caller checks. */
  number(): number {
    const head = this.#head();
    if (head < 0x80) return head;
    if (head >= 0xe0) return head - 0x100;
    const at = this.#at;
    const width = NUMBER_WIDTHS[head - 0xca];
    if (head < 0xca || width === undefined) return NaN;
    this.#pass(width);
    const view = this.#view;
    switch (head) {
      case 0xca:
        return view.getFloat32(at);
      case 0xcb:
        return view.getFloat64(at);
      case 0xcc:
        return view.getUint8(at);
      case 0xcd:
        return view.getUint16(at);
      case 0xce:
        return view.getUint32(at);
      case 0xcf:
        return view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);
      case 0xd0:
        return view.getInt8(at);
      case 0xd1:
        return view.getInt16(at);
      case 0xd2:
        return view.getInt32(at);
      default:
        return view.getInt32(at) * 2 ** 32 + view.getUint32(at + 4);
    }
  }

  /** A byte string; it shares memory with the record. */
  bytes(what: string): Uint8Array {
    const head = this.#head();
    if (head < 0xc4 || head > 0xc6) throw corruptRecord(`${what} is not a byte string`);
    const length = this.#length(1 << (head - 0xc4));
    // Most columns of most records are folded to nothing, and a view of nothing costs as much.
    if (length === 0) return NO_BYTES;
    const start = this.#at;
    this.#pass(length);
    return this.#bytes.subarray(start, this.#at);
  }

  text(what: string): string {
    const start = this.#at;
    const head = this.#head();
    const isText = (head & 0xe0) === 0xa0 || (head >= 0xd9 && head <= 0xdb);
    if (!isText) throw corruptRecord(`${what} is not a string`);
    this.#pass(head < 0xc0 ? head & 0x1f : this.#length(1 << (head - 0xd9)));
    return TEXTS.of(this.#bytes, start, this.#at);
  }

  /** A list of anything. */
  list(what: string): unknown[] {
    if (this.#bytes[this.#at] === 0x90) {
      this.#at += 1;
      return [];
    }
    let list: ReturnType<typeof decodeFirstMsgpack>;
    try {
      list = decodeFirstMsgpack(this.#bytes.subarray(this.#at));
    } catch (error) {
      throw corruptRecord(`${what} are not MessagePack`, error);
    }
    this.#at += list.length;
    return arrayField(list.value, what);
  }

  /** Nothing may follow the last field. */
  end(): void {
    if (this.#at !== this.#bytes.length) throw corruptRecord('something follows its fields');
  }

  #head(): number {
    const at = this.#at;
    this.#pass(1);
    return this.#bytes[at]!;
  }

  #length(width: number): number {
    const at = this.#at;
    this.#pass(width);
    if (width === 1) return this.#view.getUint8(at);
    return width === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at);
  }

  #pass(length: number): void {
    if (length > this.#bytes.length - this.#at) throw corruptRecord('it is cut off');
    this.#at += length;
  }
}

const NO_BYTES = new Uint8Array(0);

/** Of float32, float64, then the unsigned and the signed whole numbers. */
const NUMBER_WIDTHS: readonly number[] = [4, 8, 1, 2, 4, 8, 1, 2, 4, 8];
/** Tenants, protocols: by their whole MessagePack. */
const TEXTS = new TextCache(
  (bytes, start, end) => decodeSoundMsgpack(bytes.subarray(start, end)) as string,
);
