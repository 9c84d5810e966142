import { SampleKind, type LabelSet } from '@millrace/model';
import {
  decodeSoundMsgpack,
  type DataRecord,
  type DefinitionReader,
  type FoldSettings,
} from '@millrace/wire';
import {
  decodeColumns,
  DirtyPages,
  encodePage,
  floats64,
  PAGE_SLOTS,
  reserveSlots,
  words32,
  type Column,
} from './column.ts';
import { DueList, secondAfter } from './due-list.ts';
import { KeyIndex } from './key-index.ts';
import { LabelPage } from './label-page.ts';
import { Slots } from './slots.ts';
import { bytesOf, checkPages, pageAt, type ChangedPages, type PageSource } from './state-pages.ts';

const HOUR_US = 3_600_000_000;
/**
 * Bytes of labels that are remembered for each series that may be, as the log has them. So there
 * are two bounds: `labelSetsMax`, and where labels are longer than this on average, their bytes in
 * all. What is promised by number, of what receivers count on, holds below the second one alone.
 * Label sets that it takes are counted apart, because samples of theirs become dead letters until
 * they are said again.
 */
export const LABEL_BYTES_MAX = 512;

/** Label sets that were forgotten by their bounds. */
export interface BoundedLabels {
  byNumber: number;
  byBytes: number;
}

const NOTHING_BOUNDED: BoundedLabels = { byNumber: 0, byBytes: 0 };

/**
 * Label sets of the input series whose samples have an identity in time, as records define them:
 * a receiver leaves them out of its records for some minutes after it put them into the log. They
 * are kept for much longer than that; `seriesIdleUs` after the last definition, and an hour at
 * least. Which ones are known depends on the log alone, because it decides what becomes of samples.
 */
export class LabelMemory {
  readonly #index = new KeyIndex();
  /** Partition time of the newest definition, an hour too early at most; NaN: a free slot. */
  readonly #definedUs: Column<Float64Array> = floats64();
  /** Turn of the note of it: which one was defined before which. */
  readonly #turn: Column<Float64Array> = floats64();
  readonly #bytes: Column<Uint32Array> = words32();
  readonly #columns: readonly Column[] = [
    this.#index.keys,
    this.#definedUs,
    this.#turn,
    this.#bytes,
  ];
  /** The label sets of each page, encoded. */
  readonly #pages: Uint8Array[] = [];
  /** The page that was worked on last. */
  #open = { number: -1, page: new LabelPage(), isChanged: false };
  readonly #slots = new Slots();
  readonly #dirty = new DirtyPages();
  readonly #due = new DueList();
  readonly #settings: Pick<FoldSettings, 'labelSetsMax' | 'seriesIdleUs'>;
  #turns = 0;
  #bytesInAll = 0;
  /** Called with the key of a series whose labels are forgotten, for caches beside the state. */
  onForget: (keys: Uint32Array, at: number) => void = () => undefined;

  constructor(settings: Pick<FoldSettings, 'labelSetsMax' | 'seriesIdleUs'>) {
    this.#settings = settings;
    this.#reserve(1);
  }

  get size(): number {
    return this.#index.size;
  }

  get slotsEnd(): number {
    return this.#slots.end;
  }

  /** Notes what a record defines. `keys`: the fingerprints of its series as lanes. */
  learn(
    { definitions, kinds }: DataRecord,
    reader: DefinitionReader,
    keys: Uint32Array,
    partitionTimeUs: number,
  ): void {
    const { rows } = definitions;
    for (let row = 0; row < rows.length; row += 1) {
      const s = rows[row]!;
      // Events always carry theirs, and there may be very many of them.
      if (kinds[s] === SampleKind.event) continue;
      const k = 4 * s;
      const slot = this.#index.find(keys[k]!, keys[k + 1]!, keys[k + 2]!, keys[k + 3]!);
      if (slot < 0) this.#add(keys, k, reader, s, partitionTimeUs);
      else if (this.#isNoteOld(slot, partitionTimeUs)) this.#note(slot, partitionTimeUs);
    }
  }

  /** The labels of the series whose key is at `at`, unless they are not known. */
  labels(keys: Uint32Array, at: number): LabelSet | undefined {
    const slot = this.#index.find(keys[at]!, keys[at + 1]!, keys[at + 2]!, keys[at + 3]!);
    if (slot < 0) return undefined;
    return this.#pageOf(slot).labels(slot % PAGE_SLOTS);
  }

  /** Forgets what was not defined again for so long, up to a second of partition time. */
  expire(second: number): void {
    for (const slot of this.#due.take(second)) {
      const due = this.#dueSecond(slot);
      if (due > second) this.#due.add(slot, due);
      else this.#forget(slot);
    }
  }

  /** Holds the bounds: those that were not defined for longest go. Returns how many. */
  bound(): BoundedLabels {
    const { labelSetsMax } = this.#settings;
    const bytesMax = LABEL_BYTES_MAX * labelSetsMax;
    const { size } = this;
    if (size <= labelSetsMax && this.#bytesInAll <= bytesMax) return NOTHING_BOUNDED;
    // Some more than needed, so that not every record has to sort again.
    const keep = Math.floor((labelSetsMax / 8) * 7);
    // Where the number is in bounds, all go because of their bytes.
    const keepOfNumber = size > labelSetsMax ? keep : size;
    const keepBytes = Math.floor((bytesMax / 8) * 7);
    const turns = this.#turn.data;
    let byBytes = 0;
    for (const slot of this.#used().sort((a, b) => turns[a]! - turns[b]!)) {
      if (this.size <= keep && this.#bytesInAll <= keepBytes) break;
      if (this.size <= keepOfNumber) byBytes += 1;
      this.#forget(slot);
    }
    return { byNumber: size - this.size - byBytes, byBytes };
  }

  takePages(into: ChangedPages): void {
    this.#close();
    for (const page of this.#dirty.take()) {
      into.set(`l${page}`, encodePage(this.#columns, page, this.#pages[page]));
    }
  }

  /** Loads all pages of a state. A missing one is a refusal, never zero. */
  load(slotsEnd: number, pages: PageSource): void {
    checkPages(pages, { prefix: 'l', end: Math.ceil(slotsEnd / PAGE_SLOTS) });
    this.#reserve(slotsEnd);
    for (let page = 0; page * PAGE_SLOTS < slotsEnd; page += 1) {
      const [columns, labels] = decodeSoundMsgpack(pageAt(pages, `l${page}`)) as unknown[];
      decodeColumns(this.#columns, page, bytesOf(columns));
      // A copy of its own: the rest of the page is not kept.
      const bytes = bytesOf(labels).slice();
      LabelPage.decode(bytes);
      this.#pages[page] = bytes;
    }
    this.#slots.restore(slotsEnd, (slot) => this.#isUsed(slot));
    for (const slot of this.#used()) {
      this.#index.adopt(slot);
      this.#bytesInAll += this.#bytes.data[slot]!;
      this.#turns = Math.max(this.#turns, this.#turn.data[slot]! + 1);
    }
    this.restore();
  }

  /** Lists anew when which label set is forgotten, after loading or a change of the settings. */
  restore(): void {
    this.#due.clear();
    for (const slot of this.#used()) this.#due.add(slot, this.#dueSecond(slot));
  }

  #add(keys: Uint32Array, at: number, reader: DefinitionReader, s: number, timeUs: number): void {
    const slot = this.#slots.take();
    this.#reserve(slot + 1);
    this.#index.insert(slot, keys[at]!, keys[at + 1]!, keys[at + 2]!, keys[at + 3]!);
    this.#pageOf(slot).set(slot % PAGE_SLOTS, reader.definedLabels(s));
    this.#open.isChanged = true;
    this.#bytes.data[slot] = reader.labelBytes(s);
    this.#bytesInAll += this.#bytes.data[slot];
    this.#note(slot, timeUs);
    this.#due.add(slot, this.#dueSecond(slot));
  }

  /**
   * Not each definition is noted: key frames would change every page of the state every few
   * minutes. But when half as many as are remembered were noted since, the next one is. The bound
   * leaves the newest seven eighths: so what was defined stays until three eighths were noted after
   * it, however many came within the hour.
   */
  #isNoteOld(slot: number, partitionTimeUs: number): boolean {
    if (this.#definedUs.data[slot]! + HOUR_US <= partitionTimeUs) return true;
    return this.#turns - this.#turn.data[slot]! > this.#settings.labelSetsMax / 2;
  }

  #note(slot: number, partitionTimeUs: number): void {
    this.#definedUs.data[slot] = partitionTimeUs;
    this.#turn.data[slot] = this.#turns;
    this.#turns += 1;
    this.#dirty.mark(slot);
  }

  #forget(slot: number): void {
    this.onForget(this.#index.keys.data, 4 * slot);
    this.#index.remove(slot);
    this.#due.remove(slot);
    this.#bytesInAll -= this.#bytes.data[slot]!;
    this.#definedUs.data[slot] = NaN;
    this.#slots.give(slot);
    this.#dirty.mark(slot);
    // So that it is encoded without it.
    this.#pageOf(slot);
    this.#open.isChanged = true;
  }

  /** The page of a slot, opened. */
  #pageOf(slot: number): LabelPage {
    const number = Math.floor(slot / PAGE_SLOTS);
    if (number !== this.#open.number) {
      this.#close();
      const known = this.#pages[number];
      const page = known === undefined ? new LabelPage() : LabelPage.decode(known);
      this.#open = { number, page, isChanged: known === undefined };
    }
    return this.#open.page;
  }

  #close(): void {
    const { number, page, isChanged } = this.#open;
    if (!isChanged) return;
    this.#pages[number] = page.encode((place) => this.#isUsed(number * PAGE_SLOTS + place));
    // Opened again it is without what was forgotten.
    this.#open = { number: -1, page: new LabelPage(), isChanged: false };
  }

  /** Noted up to an hour late: so much longer it stays. */
  #dueSecond(slot: number): number {
    const keepUs = Math.max(this.#settings.seriesIdleUs, HOUR_US) + HOUR_US;
    return secondAfter(this.#definedUs.data[slot]! + keepUs);
  }

  #isUsed(slot: number): boolean {
    return !Number.isNaN(this.#definedUs.data[slot] ?? NaN);
  }

  #used(): number[] {
    const slots: number[] = [];
    for (let slot = 0; slot < this.#slots.end; slot += 1) if (this.#isUsed(slot)) slots.push(slot);
    return slots;
  }

  #reserve(slots: number): void {
    if (slots <= this.#definedUs.cleared) return;
    reserveSlots(this.#columns, slots);
    this.#definedUs.clear(slots);
  }
}
