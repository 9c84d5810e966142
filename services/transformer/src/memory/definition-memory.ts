import { decode, encode } from '@msgpack/msgpack';
import { corruptRecord } from '@millrace/wire';
import { bytes8, DirtyPages, decodeColumns, encodeColumns, PAGE_SLOTS, words32 } from './column.ts';
import { KeyIndex } from './key-index.ts';

const DAY_US = 86_400_000_000;

/**
 * Which series were defined in `metrics.series`, and on which day. Every series has its own
 * turn of the day, so that the daily repetition of many does not come at once.
 */
export class DefinitionMemory {
  readonly #index = new KeyIndex();
  readonly #day = words32();
  readonly #kind = bytes8();
  readonly #columns = [this.#index.keys, this.#day, this.#kind];
  readonly #dirty = new DirtyPages();
  readonly #max: number;
  #end = 0;
  #pagesWritten = 0;

  constructor(definitionsMax: number) {
    this.#max = definitionsMax;
  }

  get end(): number {
    return this.#end;
  }

  /** True when the series must be defined now; it then counts as defined. */
  isDue(keys: Uint32Array, at: number, kind: number, partitionTimeUs: number): boolean {
    const a = keys[at]!;
    const day = Math.floor((partitionTimeUs + (a / 2 ** 32) * DAY_US) / DAY_US);
    let slot = this.#index.find(a, keys[at + 1]!, keys[at + 2]!, keys[at + 3]!);
    if (slot >= 0 && this.#day.data[slot] === day && this.#kind.data[slot] === kind) return false;
    if (slot < 0) {
      // Full: all are forgotten and defined again on their next sight, which does no harm.
      if (this.#end >= this.#max) this.#clear();
      slot = this.#end;
      this.#end += 1;
      this.#reserve();
      this.#index.insert(slot, a, keys[at + 1]!, keys[at + 2]!, keys[at + 3]!);
    }
    this.#day.data[slot] = day;
    this.#kind.data[slot] = kind;
    this.#dirty.mark(slot);
    return true;
  }

  takePages(into: Map<string, Uint8Array | undefined>): void {
    const pages = Math.ceil(this.#end / PAGE_SLOTS);
    for (let page = pages; page < this.#pagesWritten; page += 1) into.set(`d${page}`, undefined);
    this.#pagesWritten = pages;
    for (const page of this.#dirty.take()) {
      if (page < pages) into.set(`d${page}`, encode(encodeColumns(this.#columns, page)));
    }
  }

  load(end: number, pages: ReadonlyMap<string, Uint8Array>): void {
    this.#end = end;
    this.#reserve();
    this.#pagesWritten = Math.ceil(end / PAGE_SLOTS);
    for (let page = 0; page < this.#pagesWritten; page += 1) {
      const bytes = pages.get(`d${page}`);
      if (bytes === undefined) throw corruptRecord(`page d${page} of the state is missing`);
      decodeColumns(this.#columns, page, decode(bytes) as Uint8Array);
    }
    for (let slot = 0; slot < end; slot += 1) this.#index.adopt(slot);
  }

  #clear(): void {
    this.#index.clear();
    this.#end = 0;
  }

  #reserve(): void {
    let room = this.#kind.data.length;
    if (this.#end <= room) return;
    while (room < this.#end) room *= 2;
    for (const column of this.#columns) column.reserve(room);
  }
}
