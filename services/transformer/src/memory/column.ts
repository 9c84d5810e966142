import { stateIncomplete } from './state-pages.ts';

/** Slots of one page: what is written to the state together. */
export const PAGE_SLOTS = 64;

type Numbers = Uint8Array | Uint32Array | Float64Array;

/** One growable column of a table: `width` values for every slot. */
export class Column<T extends Numbers = Numbers> {
  data: T;
  readonly width: number;
  readonly #make: (length: number) => T;

  constructor(make: (length: number) => T, width = 1) {
    this.#make = make;
    this.width = width;
    this.data = make(PAGE_SLOTS * width);
  }

  /** Makes room for `slots` slots; what is there stays. */
  reserve(slots: number): void {
    const length = slots * this.width;
    if (length <= this.data.length) return;
    const grown = this.#make(length);
    (grown as Uint8Array).set(this.data as Uint8Array);
    this.data = grown;
  }
}

export const bytes8 = (width = 1): Column<Uint8Array> =>
  new Column((length) => new Uint8Array(length), width);
export const words32 = (width = 1): Column<Uint32Array> =>
  new Column((length) => new Uint32Array(length), width);
export const floats64 = (width = 1): Column<Float64Array> =>
  new Column((length) => new Float64Array(length), width);

/** The bytes of one page of all columns, one column after the other. */
export function encodeColumns(columns: readonly Column[], page: number): Uint8Array {
  const parts = columns.map((column) => pageOf(column, page));
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Puts the bytes of `encodeColumns` back; the columns must have room. */
export function decodeColumns(columns: readonly Column[], page: number, bytes: Uint8Array): void {
  let at = 0;
  for (const column of columns) {
    const into = pageOf(column, page);
    if (at + into.length > bytes.length) throw stateIncomplete('a page is too short');
    into.set(bytes.subarray(at, at + into.length));
    at += into.length;
  }
  if (at !== bytes.length) throw stateIncomplete('a page is too long');
}

function pageOf({ data, width }: Column, page: number): Uint8Array {
  const bytes = PAGE_SLOTS * width * data.BYTES_PER_ELEMENT;
  return new Uint8Array(data.buffer, data.byteOffset + page * bytes, bytes);
}

/** The pages that changed since they were last taken. */
export class DirtyPages {
  #flags: Uint8Array = new Uint8Array(1024);
  #pages: number[] = [];

  mark(slot: number): void {
    const page = (slot / PAGE_SLOTS) | 0;
    if (this.#flags[page] !== 1) this.#add(page);
  }

  take(): number[] {
    const pages = this.#pages.sort((a, b) => a - b);
    for (const page of pages) this.#flags[page] = 0;
    this.#pages = [];
    return pages;
  }

  #add(page: number): void {
    if (page >= this.#flags.length) {
      const grown = new Uint8Array(2 * page);
      grown.set(this.#flags);
      this.#flags = grown;
    }
    this.#flags[page] = 1;
    this.#pages.push(page);
  }
}
