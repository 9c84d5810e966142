import type { Label, LabelSet } from '@millrace/model';
import { PAGE_SLOTS } from './column.ts';
import { stateIncomplete } from './state-pages.ts';

/*
 * The label sets of one page's slots as bytes: series that were seen first together have most of
 * their names and values in common, so a page has its own table of symbols. All numbers are
 * varints.
 *
 *   number of symbols, then length and UTF-8 of each
 *   for each slot: number of labels (0: none is there, else one more), then name and value of each
 */

/** The label sets of one page, to be read and changed. */
export class LabelPage {
  readonly #symbols: string[] = [];
  /** For each slot the numbers of its names and values. */
  readonly #sets: (readonly number[] | undefined)[] = new Array<undefined>(PAGE_SLOTS);
  #numbers: Map<string, number> | undefined;

  /** The label set at a place of the page. */
  labels(place: number): LabelSet | undefined {
    const refs = this.#sets[place];
    if (refs === undefined) return undefined;
    const labels: Label[] = [];
    for (let i = 0; i < refs.length; i += 2) {
      labels.push([this.#symbols[refs[i]!]!, this.#symbols[refs[i + 1]!]!]);
    }
    return labels;
  }

  set(place: number, labels: LabelSet): void {
    const refs: number[] = [];
    for (const [name, value] of labels) refs.push(this.#numberOf(name), this.#numberOf(value));
    this.#sets[place] = refs;
  }

  /** Its bytes, without the places that are not used any more. */
  encode(isUsed: (place: number) => boolean): Uint8Array {
    const numbers = new Int32Array(this.#symbols.length).fill(NO_NUMBER);
    const texts: string[] = [];
    const rows: number[] = [];
    for (let place = 0; place < PAGE_SLOTS; place += 1) {
      const refs = isUsed(place) ? this.#sets[place] : undefined;
      rows.push(refs === undefined ? 0 : 1 + refs.length / 2);
      if (refs === undefined) continue;
      for (const ref of refs) {
        if (numbers[ref] === NO_NUMBER) numbers[ref] = texts.push(this.#symbols[ref]!) - 1;
        rows.push(numbers[ref]!);
      }
    }
    let room = VARINT_MAX * (rows.length + 1);
    for (const text of texts) room += VARINT_MAX + UTF8_MAX * text.length;
    const bytes = roomFor(room);
    let at = writeVarint(bytes, 0, texts.length);
    for (const text of texts) at = writeText(bytes, at, text);
    for (const number of rows) at = writeVarint(bytes, at, number);
    // A copy: a view would be of the room, which is used again.
    return new Uint8Array(bytes.subarray(0, at));
  }

  /** @throws MillraceError STATE_INCOMPLETE when the bytes are no such page. */
  static decode(bytes: Uint8Array): LabelPage {
    const page = new LabelPage();
    const reader = new VarintReader(bytes);
    // Each takes a byte at least: more than there are bytes is a lie.
    const symbols = reader.number(bytes.length);
    for (let i = 0; i < symbols; i += 1) page.#symbols.push(reader.text());
    for (let place = 0; place < PAGE_SLOTS; place += 1) {
      const labels = reader.number(bytes.length) - 1;
      if (labels < 0) continue;
      const refs: number[] = [];
      for (let i = 0; i < 2 * labels; i += 1) refs.push(reader.number(symbols - 1));
      page.#sets[place] = refs;
    }
    reader.end();
    return page;
  }

  #numberOf(symbol: string): number {
    this.#numbers ??= new Map(this.#symbols.map((known, number) => [known, number]));
    let number = this.#numbers.get(symbol);
    if (number === undefined) {
      number = this.#symbols.push(symbol) - 1;
      this.#numbers.set(symbol, number);
    }
    return number;
  }
}

/** Bytes of a number below 2^28. */
const VARINT_MAX = 4;

/** Bytes of a unit of a text. */
const UTF8_MAX = 3;
const NO_NUMBER = -1;

/** Where pages are put together, one after the other. */
let scratch: Buffer = Buffer.allocUnsafeSlow(0);

function roomFor(bytes: number): Buffer {
  if (bytes > scratch.length) scratch = Buffer.allocUnsafeSlow(2 * bytes);
  return scratch;
}

/** Behind its length. Most are ASCII, and too short for a call to pay. */
function writeText(bytes: Buffer, at: number, text: string): number {
  const { length } = text;
  const from = writeVarint(bytes, at, length);
  for (let i = 0; i < length; i += 1) {
    const code = text.charCodeAt(i);
    if (code >= 0x80) {
      const behind = writeVarint(bytes, at, Buffer.byteLength(text));
      return behind + bytes.write(text, behind, 'utf8');
    }
    bytes[from + i] = code;
  }
  return from + length;
}

function writeVarint(bytes: Uint8Array, at: number, number: number): number {
  let [left, end] = [number, at];
  for (; left >= 0x80; left >>>= 7) bytes[end++] = (left & 0x7f) | 0x80;
  bytes[end++] = left;
  return end;
}

class VarintReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  number(max: number): number {
    let number = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined || shift > 21) throw stateIncomplete('a page of labels is cut off');
      number |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    if (number > max) throw stateIncomplete('a page of labels does not fit');
    return number;
  }

  text(): string {
    const start = this.#at;
    const length = this.number(this.#bytes.length);
    const from = this.#at;
    if (length > this.#bytes.length - from) throw stateIncomplete(`a label at ${start} is cut off`);
    this.#at = from + length;
    const { buffer, byteOffset } = this.#bytes;
    return Buffer.from(buffer, byteOffset + from, length).toString('utf8');
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw stateIncomplete('a page of labels is too long');
  }
}
