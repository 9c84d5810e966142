import { decodeSoundMsgpack, type FoldSettings } from '@millrace/wire';
import {
  bytes8,
  DirtyPages,
  decodeColumns,
  encodePage,
  PAGE_SLOTS,
  reserveSlots,
  words32,
} from './column.ts';
import { KeyIndex } from './key-index.ts';
import { bytesOf, checkPages, pageAt, type ChangedPages, type PageSource } from './state-pages.ts';

const DAY_US = 86_400_000_000;
/** A series' turn of the day: its share of 2^32. */
const TURN_US = DAY_US / 2 ** 32;

/** Where a series was found the last time; -1: nowhere yet. It may be out of date. */
export interface DefinitionHint {
  definitionSlot: number;
}

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
  readonly #settings: Pick<FoldSettings, 'definitionsMax'>;
  #end = 0;
  #pagesWritten = 0;
  /** Counts up when what is defined is not any more, or not as it was. */
  life = 0;

  /** The settings may change while it lives; so it is with all memories. */
  constructor(settings: Pick<FoldSettings, 'definitionsMax'>) {
    this.#settings = settings;
  }

  get end(): number {
    return this.#end;
  }

  /**
   * True when the series must be defined now; it then counts as defined. The hint is looked at
   * first and brought up to date.
   */
  isDue(
    keys: Uint32Array,
    at: number,
    kind: number,
    partitionTimeUs: number,
    hint: DefinitionHint,
  ): boolean {
    const day = Math.floor((partitionTimeUs + keys[at]! * TURN_US) / DAY_US);
    let slot = hint.definitionSlot;
    if (!this.#holds(slot, keys, at)) {
      slot = this.#index.find(keys[at]!, keys[at + 1]!, keys[at + 2]!, keys[at + 3]!);
    }
    hint.definitionSlot = slot < 0 ? this.#add(keys, at) : slot;
    if (slot >= 0 && this.#day.data[slot] === day && this.#kind.data[slot] === kind) return false;
    if (slot >= 0 && this.#kind.data[slot] !== kind) this.life += 1;
    this.#day.data[hint.definitionSlot] = day;
    this.#kind.data[hint.definitionSlot] = kind;
    this.#dirty.mark(hint.definitionSlot);
    return true;
  }

  /** Partition time up to which a series that is defined now is not due again in any case. */
  dueUs(keys: Uint32Array, at: number, partitionTimeUs: number): number {
    const turnUs = keys[at]! * TURN_US;
    const dueUs = (Math.floor((partitionTimeUs + turnUs) / DAY_US) + 1) * DAY_US - turnUs;
    // Whatever was rounded: asking a moment too early does no harm.
    return dueUs - 2;
  }

  takePages(into: ChangedPages): void {
    const pages = Math.ceil(this.#end / PAGE_SLOTS);
    for (let page = pages; page < this.#pagesWritten; page += 1) into.set(`d${page}`, undefined);
    this.#pagesWritten = pages;
    for (const page of this.#dirty.take()) {
      if (page < pages) into.set(`d${page}`, encodePage(this.#columns, page));
    }
  }

  load(end: number, pages: PageSource): void {
    checkPages(pages, { prefix: 'd', end: Math.ceil(end / PAGE_SLOTS) });
    this.#end = end;
    reserveSlots(this.#columns, end);
    this.#pagesWritten = Math.ceil(end / PAGE_SLOTS);
    for (let page = 0; page < this.#pagesWritten; page += 1) {
      decodeColumns(this.#columns, page, bytesOf(decodeSoundMsgpack(pageAt(pages, `d${page}`))));
    }
    for (let slot = 0; slot < end; slot += 1) this.#index.adopt(slot);
  }

  #holds(slot: number, keys: Uint32Array, at: number): boolean {
    if (slot < 0 || slot >= this.#end) return false;
    const { data } = this.#index.keys;
    const k = 4 * slot;
    return (
      data[k] === keys[at] &&
      data[k + 1] === keys[at + 1] &&
      data[k + 2] === keys[at + 2] &&
      data[k + 3] === keys[at + 3]
    );
  }

  #add(keys: Uint32Array, at: number): number {
    // Full: all are forgotten and defined again on their next sight, which does no harm.
    if (this.#end >= this.#settings.definitionsMax) {
      this.#index.clear();
      this.#end = 0;
      this.life += 1;
    }
    const slot = this.#end;
    this.#end += 1;
    reserveSlots(this.#columns, this.#end);
    this.#index.insert(slot, keys[at]!, keys[at + 1]!, keys[at + 2]!, keys[at + 3]!);
    return slot;
  }
}
