import { ExponentialHistogram, HyperLogLog, PieceInputs } from '@millrace/model';
import { decode, encode } from '@msgpack/msgpack';
import {
  bytes8,
  DirtyPages,
  decodeColumns,
  encodeColumns,
  floats64,
  PAGE_SLOTS,
  words32,
  type Column,
} from './column.ts';
import { KeyIndex } from './key-index.ts';
import { Slots } from './slots.ts';
import { pageAt, type ChangedPages, type StatePages } from './state-pages.ts';

/** Bits of a piece. */
export const PieceBit = {
  /** Changed since the boundary that last put it out. */
  changed: 1,
  marked: 2,
} as const;

/** Which window of which edition a piece belongs to. */
export interface WindowKey {
  edition: number;
  widthUs: number;
  startUs: number;
}

/** Open pieces as columns, found by (output series, edition, width, start). */
export class PieceMemory {
  /** Turn of creation in this partition: the order in which pieces are put out. NaN: free. */
  readonly turn: Column<Float64Array> = floats64();
  readonly edition: Column<Uint32Array> = words32();
  readonly widthUs: Column<Float64Array> = floats64();
  readonly startUs: Column<Float64Array> = floats64();
  readonly name: Column<Float64Array> = floats64();
  readonly fingerprint: Column<Uint8Array> = bytes8(16);
  readonly count: Column<Float64Array> = floats64();
  readonly sum: Column<Float64Array> = floats64();
  readonly min: Column<Float64Array> = floats64();
  readonly max: Column<Float64Array> = floats64();
  readonly first: Column<Float64Array> = floats64();
  readonly firstTimeUs: Column<Float64Array> = floats64();
  readonly last: Column<Float64Array> = floats64();
  readonly lastTimeUs: Column<Float64Array> = floats64();
  readonly increase: Column<Float64Array> = floats64();
  readonly touchedUs: Column<Float64Array> = floats64();
  readonly touchedOffset: Column<Float64Array> = floats64();
  readonly bits: Column<Uint8Array> = bytes8();
  /** Sketches of the pieces whose edition wants them. */
  readonly histograms: Map<number, ExponentialHistogram> = new Map();
  readonly distincts: Map<number, HyperLogLog> = new Map();
  readonly inputs: Map<number, PieceInputs> = new Map();

  readonly #index = new KeyIndex();
  readonly #slots = new Slots();
  readonly #dirty = new DirtyPages();
  readonly #columns: readonly Column[];
  #turns = 0;

  constructor() {
    this.#columns = [
      this.#index.keys,
      this.turn,
      this.edition,
      this.widthUs,
      this.startUs,
      this.name,
      this.fingerprint,
      this.count,
      this.sum,
      this.min,
      this.max,
      this.first,
      this.firstTimeUs,
      this.last,
      this.lastTimeUs,
      this.increase,
      this.touchedUs,
      this.touchedOffset,
      this.bits,
    ];
    this.turn.data.fill(NaN);
  }

  get size(): number {
    return this.#index.size;
  }

  /** The slot of a window's open piece, or -1. */
  find(keys: Uint32Array, window: WindowKey): number {
    const [a, b, c, d] = windowKeys(keys, window);
    return this.#index.find(a, b, c, d);
  }

  /** Opens a piece with nothing folded. */
  open(keys: Uint32Array, fingerprint: Uint8Array, window: WindowKey, name: number): number {
    const slot = this.#slots.take();
    this.#reserve(slot + 1);
    const [a, b, c, d] = windowKeys(keys, window);
    this.#index.insert(slot, a, b, c, d);
    this.turn.data[slot] = this.#turns;
    this.#turns += 1;
    this.edition.data[slot] = window.edition;
    this.widthUs.data[slot] = window.widthUs;
    this.startUs.data[slot] = window.startUs;
    this.name.data[slot] = name;
    this.fingerprint.data.set(fingerprint, 16 * slot);
    for (const column of [this.count, this.sum, this.increase]) column.data[slot] = 0;
    for (const column of [this.min, this.max, this.first, this.last]) column.data[slot] = NaN;
    this.firstTimeUs.data[slot] = Infinity;
    this.lastTimeUs.data[slot] = -Infinity;
    this.bits.data[slot] = 0;
    return slot;
  }

  isUsed(slot: number): boolean {
    return !Number.isNaN(this.turn.data[slot]);
  }

  /** Notes a change; true when it is the first one since the piece was last put out. */
  touch(slot: number, partitionTimeUs: number, offset: number): boolean {
    this.touchedUs.data[slot] = partitionTimeUs;
    this.touchedOffset.data[slot] = offset;
    this.#dirty.mark(slot);
    const bits = this.bits.data[slot]!;
    this.bits.data[slot] = bits | PieceBit.changed;
    return (bits & PieceBit.changed) === 0;
  }

  /** The piece was put out as it is. */
  settle(slot: number): void {
    this.bits.data[slot]! &= ~PieceBit.changed;
    this.#dirty.mark(slot);
  }

  remove(slot: number): void {
    this.#index.remove(slot);
    this.turn.data[slot] = NaN;
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
    slots.sort((a, b) => this.turn.data[a]! - this.turn.data[b]!);
    return slots.filter((slot, i) => slot !== slots[i - 1]);
  }

  /** What the state's header must hold to load the pages. */
  get extent(): readonly [slotsEnd: number, turns: number] {
    return [this.#slots.end, this.#turns];
  }

  takePages(into: ChangedPages): void {
    for (const page of this.#dirty.take()) into.set(`p${page}`, this.#encodePage(page));
  }

  load(extent: readonly [number, number], pages: StatePages): void {
    const [end, turns] = extent;
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
    for (let slot = page * PAGE_SLOTS; slot < (page + 1) * PAGE_SLOTS; slot += 1) {
      const histogram = this.histograms.get(slot)?.encode() ?? null;
      const distinct = this.distincts.get(slot)?.encode() ?? null;
      const inputs = this.inputs.get(slot)?.encode() ?? null;
      if (histogram ?? distinct ?? inputs) sketches.push([slot, histogram, distinct, inputs]);
    }
    return encode([encodeColumns(this.#columns, page), sketches]);
  }

  #decodePage(page: number, bytes: Uint8Array): void {
    const [columns, sketches] = decode(bytes) as [
      Uint8Array,
      [number, Uint8Array | null, Uint8Array | null, Uint8Array | null][],
    ];
    decodeColumns(this.#columns, page, columns);
    for (const [slot, histogram, distinct, inputs] of sketches) {
      if (histogram) this.histograms.set(slot, ExponentialHistogram.decode(histogram));
      if (distinct) this.distincts.set(slot, HyperLogLog.decode(distinct));
      if (inputs) this.inputs.set(slot, PieceInputs.decode(inputs));
    }
  }

  #reserve(slots: number): void {
    const before = this.turn.data.length;
    if (slots <= before) return;
    const room = Math.ceil(Math.max(2 * before, slots) / PAGE_SLOTS) * PAGE_SLOTS;
    for (const column of this.#columns) column.reserve(room);
    this.turn.data.fill(NaN, before);
  }
}

const SECOND_US = 1_000_000;

/**
 * The key of a window: the output series' fingerprint with edition, width and start mixed in so
 * that windows of one series never share a key. Only the first lane places it in the table.
 */
function windowKeys(
  keys: Uint32Array,
  { edition, widthUs, startUs }: WindowKey,
): [number, number, number, number] {
  const start = startUs / SECOND_US;
  const startLow = start >>> 0;
  const startHigh = Math.floor(start / 2 ** 32) + 128;
  const width = widthUs / SECOND_US;
  let mix = Math.imul(startLow ^ Math.imul(width, 0x9e3779b1), 0x85ebca6b) ^ edition;
  mix = Math.imul(mix ^ (mix >>> 15), 0xc2b2ae35);
  return [
    (keys[0]! ^ mix ^ (mix >>> 13)) >>> 0,
    (keys[1]! ^ edition ^ (startHigh << 24)) >>> 0,
    (keys[2]! ^ startLow) >>> 0,
    (keys[3]! ^ width) >>> 0,
  ];
}
