import { ExponentialHistogram, HyperLogLog, PieceInputs } from '@millrace/model';
import { decodeSoundMsgpack } from '@millrace/wire';
import {
  bytes8,
  bytesAsTheyAre,
  bytesOfPage,
  DirtyPages,
  decodeColumns,
  encodePage,
  floats64,
  PAGE_SLOTS,
  reserveSlots,
  type Column,
  type PageOrder,
} from './column.ts';
import { KeyIndex } from './key-index.ts';
import { Slots } from './slots.ts';
import { checkPages, pageAt, type ChangedPages, type PageSource } from './state-pages.ts';

/** Bits of a piece. */
export const PieceBit = {
  /** Changed since the boundary that last put it out. */
  changed: 1,
  marked: 2,
} as const;

/** Where each number of a piece stands. They lie side by side: a sample touches most of them. */
export const PieceField = {
  /** Turn of creation in this partition: the order in which pieces are put out. NaN: free. */
  turn: 0,
  edition: 1,
  widthUs: 2,
  startUs: 3,
  name: 4,
  count: 5,
  sum: 6,
  min: 7,
  max: 8,
  first: 9,
  /** Infinity while no value was folded. */
  firstTimeUs: 10,
  last: 11,
  /** -Infinity while no value was folded. */
  lastTimeUs: 12,
  increase: 13,
  /** Partition time and offset of the record that changed it last. */
  touchedUs: 14,
  touchedOffset: 15,
} as const;

// To the engine these are numbers, which members of an object are not.
const TOUCHED_US = PieceField.touchedUs;
const TOUCHED_OFFSET = PieceField.touchedOffset;

/** Numbers of one piece: those of slot s begin at s times this. */
export const PIECE_FIELDS = 16;
/** Where those of slot s begin, as a shift. */
const PIECE_SHIFT = Math.log2(PIECE_FIELDS);

/** Values of a piece are like one another; all else of it is like that of the piece before. */
const PAGE_ORDER: PageOrder = [
  ...[PieceField.turn, PieceField.edition, PieceField.widthUs, PieceField.startUs],
  ...[PieceField.name, PieceField.count, PieceField.firstTimeUs, PieceField.lastTimeUs],
  ...[PieceField.touchedUs, PieceField.touchedOffset],
]
  .map((field): readonly number[] => [field])
  .concat([
    [
      ...[PieceField.min, PieceField.first, PieceField.last, PieceField.max],
      ...[PieceField.sum, PieceField.increase],
    ],
  ]);

/** Which window of which edition a piece belongs to. */
export interface WindowKey {
  edition: number;
  widthUs: number;
  startUs: number;
}

/** Open pieces, found by (output series, edition, width, start). */
export class PieceMemory {
  readonly numbers: Column<Float64Array> = floats64(PIECE_FIELDS, PAGE_ORDER);
  readonly bits: Column<Uint8Array> = bytes8();
  /** Sketches of the pieces whose edition wants them. */
  readonly histograms: Map<number, ExponentialHistogram> = new Map();
  readonly distincts: Map<number, HyperLogLog> = new Map();
  readonly inputs: Map<number, PieceInputs> = new Map();

  /** Its keys say of which output series a piece is: fingerprints beside them are not kept. */
  readonly #index = new KeyIndex();
  /** Those of one page, 16 bytes each. */
  readonly #fingerprints = bytesOfPage(16, 'asTheyAre');
  readonly #lanes = new Uint32Array(this.#fingerprints.data.buffer);
  readonly #slots = new Slots();
  readonly #dirty = new DirtyPages();
  /** Those of pages; keys follow from them, and stood there before version 3 of the state. */
  readonly #columns: readonly Column[] = [this.numbers, this.bits, this.#fingerprints];
  readonly #columnsWithKeys: readonly Column[] = [this.#index.keys, ...this.#columns];
  #turns = 0;

  constructor() {
    this.#reserve(1);
  }

  get size(): number {
    return this.#index.size;
  }

  /** One number of a piece. */
  field(slot: number, field: number): number {
    return this.numbers.data[slot * PIECE_FIELDS + field]!;
  }

  isMarked(slot: number): boolean {
    return (this.bits.data[slot]! & PieceBit.marked) !== 0;
  }

  isChanged(slot: number): boolean {
    return (this.bits.data[slot]! & PieceBit.changed) !== 0;
  }

  /**
   * Byte by byte: to ask for the buffer of so few numbers moves them out of the heap, which takes
   * five times as long, and a million pieces are put out at once when windows end.
   */
  fingerprint(slot: number): Uint8Array {
    const bytes = new Uint8Array(16);
    this.#writeLanes(slot, laneNumbers, 0);
    for (let lane = 0; lane < 4; lane += 1) {
      const number = laneNumbers[lane]!;
      for (let byte = 0; byte < 4; byte += 1) bytes[4 * lane + byte] = number >>> (8 * byte);
    }
    return bytes;
  }

  /** The slot of the open piece of a window of the series whose key is at `at`, or -1. */
  find(keys: Uint32Array, at: number, window: WindowKey): number {
    mixWindow(window);
    return this.#index.find(
      (keys[at]! ^ mixed[0]!) >>> 0,
      (keys[at + 1]! ^ mixed[1]!) >>> 0,
      (keys[at + 2]! ^ mixed[2]!) >>> 0,
      (keys[at + 3]! ^ mixed[3]!) >>> 0,
    );
  }

  /** Opens a piece with nothing folded. */
  open(keys: Uint32Array, at: number, window: WindowKey, name: number): number {
    const slot = this.#slots.take();
    this.#reserve(slot + 1);
    this.#putKey(slot, window, keys, at);
    this.#index.adopt(slot);
    this.#openNumbers(slot, window, name);
    this.bits.data[slot] = 0;
    this.#dirty.mark(slot);
    return slot;
  }

  #openNumbers(slot: number, window: WindowKey, name: number): void {
    const numbers = this.numbers.data;
    const at = slot * PIECE_FIELDS;
    numbers[at + PieceField.turn] = this.#turns;
    this.#turns += 1;
    numbers[at + PieceField.edition] = window.edition;
    numbers[at + PieceField.widthUs] = window.widthUs;
    numbers[at + PieceField.startUs] = window.startUs;
    numbers[at + PieceField.name] = name;
    numbers[at + PieceField.count] = 0;
    numbers[at + PieceField.sum] = 0;
    numbers[at + PieceField.min] = NaN;
    numbers[at + PieceField.max] = NaN;
    numbers[at + PieceField.first] = NaN;
    numbers[at + PieceField.firstTimeUs] = Infinity;
    numbers[at + PieceField.last] = NaN;
    numbers[at + PieceField.lastTimeUs] = -Infinity;
    numbers[at + PieceField.increase] = 0;
    numbers[at + PieceField.touchedUs] = -Infinity;
    numbers[at + PieceField.touchedOffset] = -1;
  }

  isUsed(slot: number): boolean {
    return !Number.isNaN(this.field(slot, PieceField.turn));
  }

  /** Notes a change; true when it is the first one since the piece was last put out. */
  touch(slot: number, partitionTimeUs: number, offset: number): boolean {
    const at = slot * PIECE_FIELDS;
    const numbers = this.numbers.data;
    numbers[at + PieceField.touchedUs] = partitionTimeUs;
    numbers[at + PieceField.touchedOffset] = offset;
    this.#dirty.mark(slot);
    const bits = this.bits.data[slot]!;
    if ((bits & PieceBit.changed) !== 0) return false;
    this.bits.data[slot] = bits | PieceBit.changed;
    return true;
  }

  /**
   * Notes a change of many, whose slots stand at [from, to); those below 0 are none. Returns
   * whether `change` has to be called for each: of some it is the first since they were last put
   * out.
   */
  touchAll(
    slots: Int32Array,
    from: number,
    to: number,
    { partitionTimeUs, offset }: Readonly<{ partitionTimeUs: number; offset: number }>,
  ): boolean {
    const numbers = this.numbers.data;
    const bits = this.bits.data;
    const dirty = this.#dirty;
    let areChanged: number = PieceBit.changed;
    for (let i = from; i < to; i += 1) {
      const slot = slots[i]!;
      if (slot < 0) continue;
      const n = slot << PIECE_SHIFT;
      numbers[n + TOUCHED_US] = partitionTimeUs;
      numbers[n + TOUCHED_OFFSET] = offset;
      dirty.mark(slot);
      areChanged &= bits[slot]!;
    }
    return areChanged === 0;
  }

  /** What stands in the columns of a piece changes. */
  markDirty(slot: number): void {
    this.#dirty.mark(slot);
  }

  /** A piece was touched; true when that is the first change since it was last put out. */
  change(slot: number): boolean {
    if (slot < 0) return false;
    const bits = this.bits.data[slot]!;
    this.bits.data[slot] = bits | PieceBit.changed;
    return (bits & PieceBit.changed) === 0;
  }

  /** Something that belongs into the piece, which was touched, could not be folded exactly. */
  mark(slot: number): void {
    this.bits.data[slot]! |= PieceBit.marked;
  }

  /** The piece was put out as it is. */
  settle(slot: number): void {
    this.bits.data[slot]! &= ~PieceBit.changed;
    this.#dirty.mark(slot);
  }

  remove(slot: number): void {
    this.#index.remove(slot);
    this.numbers.data[slot * PIECE_FIELDS + PieceField.turn] = NaN;
    this.histograms.delete(slot);
    this.distincts.delete(slot);
    this.inputs.delete(slot);
    this.#slots.give(slot);
    this.#dirty.mark(slot);
  }

  /** Slots of all open pieces, in no order that matters. */
  used(): number[] {
    const slots: number[] = [];
    for (let slot = 0; slot < this.#slots.end; slot += 1) if (this.isUsed(slot)) slots.push(slot);
    return slots;
  }

  /** Puts slots into the order in which their pieces were opened, each once. */
  inTurn(slots: number[]): number[] {
    slots.sort((a, b) => this.field(a, PieceField.turn) - this.field(b, PieceField.turn));
    return slots.filter((slot, i) => slot !== slots[i - 1]);
  }

  /** What the state's header must hold to load the pages. */
  get extent(): readonly [slotsEnd: number, turns: number] {
    return [this.#slots.end, this.#turns];
  }

  takePages(into: ChangedPages): void {
    for (const page of this.#dirty.take()) into.set(`p${page}`, this.#encodePage(page));
  }

  load(extent: readonly [number, number], pages: PageSource): void {
    const [end, turns] = extent;
    checkPages(pages, { prefix: 'p', end: Math.ceil(end / PAGE_SLOTS) });
    this.#turns = turns;
    this.#reserve(end);
    for (let page = 0; page * PAGE_SLOTS < end; page += 1) {
      this.#decodePage(page, pageAt(pages, `p${page}`));
    }
    this.#slots.restore(end, (slot) => this.isUsed(slot));
    for (const slot of this.used()) this.#index.adopt(slot);
  }

  #encodePage(page: number): Uint8Array {
    const sketches: [number, Uint8Array | null, Uint8Array | null, Uint8Array | null][] = [];
    const hasSketches = this.histograms.size + this.distincts.size + this.inputs.size > 0;
    const end = hasSketches ? (page + 1) * PAGE_SLOTS : 0;
    for (let slot = page * PAGE_SLOTS; slot < end; slot += 1) {
      const histogram = this.histograms.get(slot)?.encode() ?? null;
      const distinct = this.distincts.get(slot)?.encode() ?? null;
      const inputs = this.inputs.get(slot)?.encode() ?? null;
      if (histogram ?? distinct ?? inputs) sketches.push([slot, histogram, distinct, inputs]);
    }
    for (let place = 0; place < PAGE_SLOTS; place += 1) {
      this.#writeLanes(page * PAGE_SLOTS + place, this.#lanes, 4 * place);
    }
    return encodePage(this.#columns, page, sketches);
  }

  /** The fingerprint of a slot's output series; of a free slot that of the piece before. */
  #writeLanes(slot: number, into: Uint32Array, at: number): void {
    const keys = this.#index.keys.data;
    mixWindow(this.#windowOf(slot));
    for (let lane = 0; lane < 4; lane += 1) into[at + lane] = keys[4 * slot + lane]! ^ mixed[lane]!;
  }

  #putKey(slot: number, window: WindowKey, from: Uint32Array, at: number): void {
    const keys = this.#index.keys.data;
    mixWindow(window);
    for (let lane = 0; lane < 4; lane += 1) keys[4 * slot + lane] = from[at + lane]! ^ mixed[lane]!;
  }

  /** The other way round, of all slots of a page. */
  #restoreKeys(page: number): void {
    for (let place = 0; place < PAGE_SLOTS; place += 1) {
      const slot = page * PAGE_SLOTS + place;
      this.#putKey(slot, this.#windowOf(slot), this.#lanes, 4 * place);
    }
  }

  #windowOf(slot: number): WindowKey {
    return {
      edition: this.field(slot, PieceField.edition),
      widthUs: this.field(slot, PieceField.widthUs),
      startUs: this.field(slot, PieceField.startUs),
    };
  }

  #decodePage(page: number, bytes: Uint8Array): void {
    const [columns, sketches] = decodeSoundMsgpack(bytes) as [
      Uint8Array,
      [number, Uint8Array | null, Uint8Array | null, Uint8Array | null][],
    ];
    const hasKeys = columns.length === bytesAsTheyAre(this.#columnsWithKeys);
    decodeColumns(hasKeys ? this.#columnsWithKeys : this.#columns, page, columns);
    this.#restoreKeys(page);
    for (const [slot, histogram, distinct, inputs] of sketches) {
      if (histogram) this.histograms.set(slot, ExponentialHistogram.decode(histogram));
      if (distinct) this.distincts.set(slot, HyperLogLog.decode(distinct));
      if (inputs) this.inputs.set(slot, PieceInputs.decode(inputs));
    }
  }

  #reserve(slots: number): void {
    if (slots <= this.numbers.cleared) return;
    reserveSlots([this.#index.keys, this.numbers, this.bits], slots);
    this.numbers.clear(slots);
  }
}

const SECOND_US = 1_000_000;

/** What a window adds to each lane: numbers of its own would be made for every piece. */
const mixed = new Uint32Array(4);
/** Of a fingerprint. */
const laneNumbers = new Uint32Array(4);

/**
 * The key of a window is the output series' fingerprint xor what is mixed from edition, width and
 * start, so that windows of one series never share a key, and the fingerprint follows from it. Only
 * the first lane places it in the table. Widths and starts are whole seconds; starts reach from
 * -2^33 to 2^33 s.
 */
function mixWindow({ edition, widthUs, startUs }: WindowKey): void {
  const start = startUs / SECOND_US;
  const startLow = start >>> 0;
  const startHigh = Math.floor(start / 2 ** 32) + 128;
  const width = widthUs / SECOND_US;
  let mix = Math.imul(startLow ^ Math.imul(width, 0x9e3779b1), 0x85ebca6b) ^ edition;
  mix = Math.imul(mix ^ (mix >>> 15), 0xc2b2ae35);
  mixed[0] = mix ^ (mix >>> 13);
  mixed[1] = edition ^ (startHigh << 24);
  mixed[2] = startLow;
  mixed[3] = width;
}
