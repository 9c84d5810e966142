import { mappedBuffer } from '@millrace/runtime';
import { FieldWriter } from '@millrace/wire';
import { CompactReader, CompactWriter } from './compact-numbers.ts';
import { keepPage } from './page-memory.ts';
import { stateIncomplete } from './state-pages.ts';

/** Slots of one page: what is written to the state together. */
export const PAGE_SLOTS = 64;
const PAGE_SHIFT = 6;

type Numbers = Uint8Array | Uint32Array | Float64Array;

/**
 * How the numbers of a page's slots are written one after the other, each as it differs from the
 * one before: group by group, of each group all slots, of each slot those places among its `width`.
 * `asTheyAre`: they look like chance, and are not written so.
 */
export type PageOrder = readonly (readonly number[])[] | 'asTheyAre';

/** Of numbers that begin at a place of some memory. */
interface View<T> {
  new (memory: ArrayBuffer, at: number, length: number): T;
  readonly BYTES_PER_ELEMENT: number;
}

/** One growable column of a table: `width` values for every slot. */
export class Column<T extends Numbers = Numbers> {
  data: T;
  /** The bytes of all of it. */
  raw: Buffer;
  readonly width: number;
  readonly order: PageOrder;
  readonly #view: View<T>;
  readonly #isOfOnePage: boolean;
  #cleared = 0;

  /** `isOfOnePage`: it holds whichever page is read or written, and no other. */
  constructor(view: View<T>, width: number, order: PageOrder, isOfOnePage = false) {
    this.#view = view;
    this.#isOfOnePage = isOfOnePage;
    this.width = width;
    this.order = order;
    const length = PAGE_SLOTS * width;
    this.data = new view(new ArrayBuffer(length * view.BYTES_PER_ELEMENT), 0, length);
    this.raw = rawOf(this.data);
  }

  /** Slots that it has room for. */
  get room(): number {
    return this.data.length / this.width;
  }

  get slotBytes(): number {
    return this.width * this.data.BYTES_PER_ELEMENT;
  }

  /** Where the first number of a page stands. */
  startOf(page: number): number {
    return this.#isOfOnePage ? 0 : page * PAGE_SLOTS * this.width;
  }

  /** Slots below it say themselves whether they are used. */
  get cleared(): number {
    return this.#cleared;
  }

  /**
   * Makes all numbers NaN that were not yet, up to the page of the last of so many slots. By and
   * by: memory that nobody touched costs nothing.
   */
  clear(slots: number): void {
    if (slots <= this.#cleared) return;
    const end = Math.ceil(slots / PAGE_SLOTS) * PAGE_SLOTS;
    this.data.fill(NaN, this.#cleared * this.width, end * this.width);
    this.#cleared = end;
  }

  /** Lies in this memory from now on, with room for so many slots; what is there stays. */
  lieIn(memory: ArrayBuffer, at: number, room: number): void {
    const data = new this.#view(memory, at, room * this.width);
    (data as Uint8Array).set(this.data as Uint8Array);
    this.data = data;
    this.raw = rawOf(data);
  }
}

/**
 * Makes room for `slots` slots in all columns of a table, and for twice as many as before at least,
 * so that it takes a few copies in all; what is there stays.
 * They lie in one piece of memory, which the system gives and gets back as a whole (see
 * `mappedBuffer`): what many columns leave behind, each time that they grow, would stay with the
 * process, and be as much as they have.
 */
export function reserveSlots(columns: readonly Column[], slots: number): void {
  let before = Infinity;
  for (const { room } of columns) if (room < before) before = room;
  if (slots <= before) return;
  const slotBytes = columns.reduce((sum, column) => sum + column.slotBytes, 0);
  const ofPage = slotBytes * PAGE_SLOTS;
  const memory = mappedBuffer(Math.ceil(Math.max(slots, 2 * before) / PAGE_SLOTS) * ofPage);
  // Whole pages: so each column begins where its numbers may. What is not written costs nothing.
  const room = Math.floor(memory.byteLength / ofPage) * PAGE_SLOTS;
  let at = 0;
  for (const column of columns) {
    column.lieIn(memory, at, room);
    at += room * column.slotBytes;
  }
}

/** The same place of all slots, then the next one. */
const byPlaces = (width: number): PageOrder => Array.from({ length: width }, (_, place) => [place]);

export const bytes8 = (width = 1, order: PageOrder = byPlaces(width)): Column<Uint8Array> =>
  new Column(Uint8Array, width, order);
/** For what is computed when a page is written, and not kept. */
export const bytesOfPage = (width: number, order: PageOrder): Column<Uint8Array> =>
  new Column(Uint8Array, width, order, true);
export const words32 = (width = 1, order: PageOrder = byPlaces(width)): Column<Uint32Array> =>
  new Column(Uint32Array, width, order);
export const floats64 = (width = 1, order: PageOrder = byPlaces(width)): Column<Float64Array> =>
  new Column(Float64Array, width, order);

function rawOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** Pages are written one after the other: there are very many of them in one commit. */
const writer = new FieldWriter(65_536);
const compact = new CompactWriter();

/**
 * One page as MessagePack: the bytes of all columns, one column after the other, and what is
 * `beside` them, if anything is. They are told from the ones as they are by being fewer.
 */
export function encodePage(
  columns: readonly Column[],
  page: number,
  beside?: unknown[] | Uint8Array,
): Uint8Array {
  writer.reset();
  if (beside !== undefined) writer.array(2);
  const length = bytesAsTheyAre(columns);
  compact.reset();
  for (const column of columns) writeCompact(column, page);
  const bytes = compact.view();
  if (bytes.length < length) writer.bytes(bytes);
  else {
    writer.bytesOf(length);
    for (const column of columns) {
      const at = column.startOf(page) * column.data.BYTES_PER_ELEMENT;
      writer.copy(column.raw, at, at + pageBytes(column));
    }
  }
  if (beside !== undefined) writer.value(beside);
  return keepPage(writer.view());
}

function writeCompact(column: Column, page: number): void {
  const { order, width, data } = column;
  if (order === 'asTheyAre') {
    compact.raw(pageOf(column, page));
    return;
  }
  const from = column.startOf(page);
  const end = from + PAGE_SLOTS * width;
  for (const places of order) compact.group(data, { from, end, width, places });
}

function pageBytes({ slotBytes }: Column): number {
  return PAGE_SLOTS * slotBytes;
}

export function bytesAsTheyAre(columns: readonly Column[]): number {
  let length = 0;
  for (const column of columns) length += pageBytes(column);
  return length;
}

/** Puts the bytes of all columns back; the columns must have room. */
export function decodeColumns(columns: readonly Column[], page: number, bytes: Uint8Array): void {
  const length = bytesAsTheyAre(columns);
  if (bytes.length > length) throw stateIncomplete('a page is too long');
  if (bytes.length < length) {
    readCompact(columns, page, bytes);
    return;
  }
  let at = 0;
  for (const column of columns) {
    const into = pageOf(column, page);
    into.set(bytes.subarray(at, at + into.length));
    at += into.length;
  }
}

function readCompact(columns: readonly Column[], page: number, bytes: Uint8Array): void {
  const reader = new CompactReader(bytes);
  for (const column of columns) {
    const { order, width, data } = column;
    if (order === 'asTheyAre') {
      pageOf(column, page).set(reader.raw(pageBytes(column)));
      continue;
    }
    const from = column.startOf(page);
    const end = from + PAGE_SLOTS * width;
    const isFloat = data instanceof Float64Array;
    for (const places of order) {
      reader.begin();
      for (let at = from; at < end; at += width) {
        for (let i = 0; i < places.length; i += 1) {
          const number = reader.number();
          data[at + places[i]!] = number;
          if (!isFloat && data[at + places[i]!] !== number) {
            throw stateIncomplete('a page has a number that does not fit');
          }
        }
      }
    }
  }
  reader.end();
}

function pageOf(column: Column, page: number): Uint8Array {
  const at = column.startOf(page) * column.data.BYTES_PER_ELEMENT;
  return column.raw.subarray(at, at + pageBytes(column));
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
