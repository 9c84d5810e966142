import { FieldWriter } from '@millrace/wire';
import { keepPage } from './page-memory.ts';
import { stateIncomplete } from './state-pages.ts';

/** Slots of one page: what is written to the state together. */
export const PAGE_SLOTS = 64;
const PAGE_SHIFT = 6;

type Numbers = Uint8Array | Uint32Array | Float64Array;

/** One growable column of a table: `width` values for every slot. */
export class Column<T extends Numbers = Numbers> {
  data: T;
  /** The bytes of all of it. */
  raw: Buffer;
  readonly width: number;
  readonly #make: (length: number) => T;

  constructor(make: (length: number) => T, width = 1) {
    this.#make = make;
    this.width = width;
    this.data = make(PAGE_SLOTS * width);
    this.raw = rawOf(this.data);
  }

  /** Makes room for `slots` slots; what is there stays. */
  reserve(slots: number): void {
    const length = slots * this.width;
    if (length <= this.data.length) return;
    const grown = this.#make(length);
    (grown as Uint8Array).set(this.data as Uint8Array);
    this.data = grown;
    this.raw = rawOf(grown);
  }
}

export const bytes8 = (width = 1): Column<Uint8Array> =>
  new Column((length) => new Uint8Array(length), width);
export const words32 = (width = 1): Column<Uint32Array> =>
  new Column((length) => new Uint32Array(length), width);
export const floats64 = (width = 1): Column<Float64Array> =>
  new Column((length) => new Float64Array(length), width);

function rawOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** Pages are written one after the other: there are very many of them in one commit. */
const writer = new FieldWriter(65_536);

/**
 * One page as MessagePack: the bytes of all columns, one column after the other, and what is
 * `beside` them, if anything is.
 */
export function encodePage(
  columns: readonly Column[],
  page: number,
  beside?: unknown[] | Uint8Array,
): Uint8Array {
  writer.reset();
  if (beside !== undefined) writer.array(2);
  let length = 0;
  for (const column of columns) length += pageBytes(column);
  writer.bytesOf(length);
  for (const column of columns) {
    const bytes = pageBytes(column);
    writer.copy(column.raw, page * bytes, (page + 1) * bytes);
  }
  if (beside !== undefined) writer.value(beside);
  return keepPage(writer.view());
}

function pageBytes({ data, width }: Column): number {
  return PAGE_SLOTS * width * data.BYTES_PER_ELEMENT;
}

/** Puts the bytes of all columns back; the columns must have room. */
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

function pageOf(column: Column, page: number): Uint8Array {
  const bytes = pageBytes(column);
  return column.raw.subarray(page * bytes, (page + 1) * bytes);
}

/** The pages that changed since they were last taken. */
export class DirtyPages {
  #flags: Uint8Array = new Uint8Array(1024);
  #pages: number[] = [];

  mark(slot: number): void {
    const page = slot >>> PAGE_SHIFT;
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
