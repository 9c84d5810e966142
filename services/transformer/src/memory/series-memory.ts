import { decodeSoundMsgpack, type FoldSettings } from '@millrace/wire';
import {
  bytes8,
  DirtyPages,
  decodeColumns,
  encodePage,
  floats64,
  PAGE_SLOTS,
  reserveSlots,
  words32,
  type Column,
} from './column.ts';
import { DueList, secondAfter } from './due-list.ts';
import { KeyIndex } from './key-index.ts';
import { SeriesGaps } from './series-gaps.ts';
import { Slots } from './slots.ts';
import { checkPages, pageAt, type ChangedPages, type PageSource } from './state-pages.ts';

/**
 * What is remembered of every input series whose samples have an identity in time: the newest
 * times with their values, the floor below them, the gaps, the last start time.
 * The tables hold it; `dedupe.ts` decides with it.
 */
export class SeriesMemory {
  readonly index: KeyIndex = new KeyIndex();
  /**
   * Remembered times, `count` of them valid: ascending from `head` on, and behind the last place
   * from the first one. Most series only ever get a newer one, which takes the place of the oldest.
   */
  readonly times: Column<Float64Array>;
  readonly values: Column<Float64Array>;
  readonly count: Column<Uint8Array> = bytes8();
  /** In pages it is 0: each is put in order before it is written. */
  readonly head: Column<Uint8Array> = bytes8();
  /** No interval between remembered times is shorter. A bound, and no part of the state. */
  readonly shortest: Column<Float64Array> = floats64();
  /**
   * Bit i: remembered sample i has no value that a counter could go on from. It is a stale marker
   * (value NaN) or a native histogram (value: a number that stands for its bytes).
   */
  readonly valueless: Column<Uint32Array> = words32();
  /** The largest time no longer remembered; -Infinity while nothing was forgotten. */
  readonly floor: Column<Float64Array> = floats64();
  /** The newest value at or below the floor; NaN when none is known. */
  readonly floorValue: Column<Float64Array> = floats64();
  /** Start time of the newest sample that had one; -Infinity when none had. */
  readonly start: Column<Float64Array> = floats64();
  /** Partition time of the newest arrival; NaN marks a free slot. */
  readonly seen: Column<Float64Array> = floats64();
  readonly gaps: SeriesGaps = new SeriesGaps();
  readonly width: number;

  readonly #slots = new Slots();
  readonly #dirty = new DirtyPages();
  readonly #due = new DueList();
  readonly #settings: Pick<FoldSettings, 'seriesIdleUs'>;
  /** Those of the state; the others follow from them. */
  readonly #columns: readonly Column[];
  /** Called with the slot of a series that is forgotten, for caches beside the state. */
  onForget: (slot: number) => void = () => undefined;

  constructor(settings: Pick<FoldSettings, 'rememberedTimesMax' | 'seriesIdleUs'>) {
    this.width = settings.rememberedTimesMax;
    this.#settings = settings;
    this.times = floats64(this.width);
    // Values of a series are like one another, not like those of others.
    this.values = floats64(this.width, [Array.from({ length: this.width }, (_, i) => i)]);
    this.#columns = [
      this.index.keys,
      this.count,
      this.valueless,
      this.floor,
      this.floorValue,
      this.start,
      this.seen,
      this.times,
      this.values,
    ];
    this.#reserve(1);
  }

  get size(): number {
    return this.index.size;
  }

  /** Whether a slot is that of the series whose key is at `k`. */
  holds(slot: number, keys: Uint32Array, k: number): boolean {
    const { data } = this.index.keys;
    const own = 4 * slot;
    const seenUs = this.seen.data[slot];
    return (
      data[own] === keys[k] &&
      data[own + 1] === keys[k + 1] &&
      data[own + 2] === keys[k + 2] &&
      data[own + 3] === keys[k + 3] &&
      // A slot that was given back keeps its key.
      seenUs === seenUs
    );
  }

  /** A slot for a series that was not remembered; nothing at or below `floorUs` is known. */
  create(keys: Uint32Array, at: number, floorUs: number): number {
    const slot = this.#slots.take();
    this.#reserve(slot + 1);
    this.index.insert(slot, keys[at]!, keys[at + 1]!, keys[at + 2]!, keys[at + 3]!);
    this.count.data[slot] = 0;
    this.head.data[slot] = 0;
    this.shortest.data[slot] = Infinity;
    this.valueless.data[slot] = 0;
    this.floor.data[slot] = floorUs;
    this.floorValue.data[slot] = NaN;
    this.start.data[slot] = -Infinity;
    this.seen.data[slot] = NaN;
    this.#dirty.mark(slot);
    return slot;
  }

  /** Puts the remembered times of a slot in order, from its first place on. */
  order(slot: number): void {
    const head = this.head.data[slot]!;
    if (head === 0) return;
    const first = slot * this.width;
    turn(this.times.data, first, head, this.width);
    turn(this.values.data, first, head, this.width);
    this.head.data[slot] = 0;
  }

  /** Notes an arrival for a series at a partition time. */
  touch(slot: number, partitionTimeUs: number): void {
    const { data } = this.seen;
    // One entry in the due list is enough for each series: it moves itself on.
    if (data[slot] !== data[slot]) this.#due.add(slot, this.#dueSecond(partitionTimeUs));
    data[slot] = partitionTimeUs;
    this.#dirty.mark(slot);
  }

  /** Forgets series idle up to a second; returns the largest floor that this leaves behind. */
  forgetIdle(second: number): number {
    let floorUs = -Infinity;
    for (const slot of this.#due.take(second)) {
      const due = this.#dueSecond(this.seen.data[slot]!);
      if (due > second) this.#due.add(slot, due);
      else floorUs = Math.max(floorUs, this.#forget(slot));
    }
    return floorUs;
  }

  /** Forgets the least recently seen until `keep` are left; returns the floor left behind. */
  forgetOldest(keep: number): number {
    const slots = this.#used().sort((a, b) => this.seen.data[a]! - this.seen.data[b]!);
    // Which of several equally old ones goes must not depend on slot numbers: all of them do.
    const limit = this.seen.data[slots[Math.max(0, slots.length - keep - 1)]!]!;
    let floorUs = -Infinity;
    for (const slot of slots) {
      if (this.seen.data[slot]! > limit) break;
      floorUs = Math.max(floorUs, this.#forget(slot));
    }
    return floorUs;
  }

  /** Pages changed since the last call, as state pages by key. */
  takePages(into: ChangedPages): void {
    for (const page of this.#dirty.take()) into.set(`s${page}`, this.#encodePage(page));
  }

  get slotsEnd(): number {
    return this.#slots.end;
  }

  /** Loads all pages of a state. A missing one is a refusal, never zero. */
  load(slotsEnd: number, pages: PageSource): void {
    checkPages(pages, { prefix: 's', end: Math.ceil(slotsEnd / PAGE_SLOTS) });
    this.#reserve(slotsEnd);
    for (let page = 0; page * PAGE_SLOTS < slotsEnd; page += 1) {
      this.#decodePage(page, pageAt(pages, `s${page}`));
    }
    this.#slots.restore(slotsEnd, (slot) => this.#isUsed(slot));
    for (const slot of this.#used()) this.index.adopt(slot);
    this.restore();
  }

  /** Lists anew when which series is idle, after loading or a change of the settings. */
  restore(): void {
    this.#due.clear();
    for (const slot of this.#used()) this.#due.add(slot, this.#dueSecond(this.seen.data[slot]!));
  }

  #dueSecond(seenUs: number): number {
    return secondAfter(seenUs + this.#settings.seriesIdleUs);
  }

  #isUsed(slot: number): boolean {
    return !Number.isNaN(this.seen.data[slot]);
  }

  #used(): number[] {
    const slots: number[] = [];
    for (let slot = 0; slot < this.#slots.end; slot += 1) if (this.#isUsed(slot)) slots.push(slot);
    return slots;
  }

  #forget(slot: number): number {
    const count = this.count.data[slot]!;
    this.order(slot);
    const newestUs = count > 0 ? this.times.data[slot * this.width + count - 1]! : -Infinity;
    this.index.remove(slot);
    this.#due.remove(slot);
    this.gaps.delete(slot);
    this.seen.data[slot] = NaN;
    this.#slots.give(slot);
    this.#dirty.mark(slot);
    this.onForget(slot);
    return Math.max(newestUs, this.floor.data[slot]!);
  }

  #reserve(slots: number): void {
    if (slots <= this.seen.cleared) return;
    reserveSlots([...this.#columns, this.head, this.shortest], slots);
    this.seen.clear(slots);
  }

  #encodePage(page: number): Uint8Array {
    const gaps: [number, number[]][] = [];
    for (let slot = page * PAGE_SLOTS; slot < (page + 1) * PAGE_SLOTS; slot += 1) {
      this.order(slot);
      const list = this.gaps.get(slot);
      if (list !== undefined) gaps.push([slot, list]);
    }
    return encodePage(this.#columns, page, gaps);
  }

  #decodePage(page: number, bytes: Uint8Array): void {
    const [columns, gaps] = decodeSoundMsgpack(bytes) as [Uint8Array, [number, number[]][]];
    decodeColumns(this.#columns, page, columns);
    for (const [slot, list] of gaps) this.gaps.set(slot, list);
  }
}

/** More than any series remembers. */
const turned = new Float64Array(32);

/**
 * Puts what stands from place `head` on before what stands there. By hand: of a million series the
 * views that `copyWithin` and the like would need are more than all else that a commit makes.
 */
function turn(data: Float64Array, first: number, head: number, width: number): void {
  for (let i = 0; i < head; i += 1) turned[i] = data[first + i]!;
  for (let i = head; i < width; i += 1) data[first + i - head] = data[first + i]!;
  for (let i = 0; i < head; i += 1) data[first + width - head + i] = turned[i]!;
}
