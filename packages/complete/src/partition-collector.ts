import { SampleFlag, SampleKind, type LabelSet } from '@millrace/model';
import {
  eventKey,
  IdentityMemory,
  KeyIndex,
  partKey,
  ReceiverMemory,
  SideColumns,
} from '@millrace/transformer/fold';
import {
  DEFAULT_FOLD_SETTINGS,
  DefinitionReader,
  IdentityKind,
  REDRIVE_PROTOCOL,
  type DataRecord,
} from '@millrace/wire';
import { CollectedFlag, CollectedSamples } from './collected-samples.ts';
import type { KnownBefore } from './known-before.ts';
import { SeriesTails } from './series-tails.ts';
import type { WantedOfSeries, WantedWindows } from './wanted-windows.ts';

/** An input series of wanted windows. */
export interface CollectedSeries extends WantedOfSeries {
  fingerprint: Uint8Array;
  tails: SeriesTails;
  /** Samples at or below this time may have come before what was read. */
  floorUs: number;
  /** When the counter began, as it was said before; -Infinity: it was not, or not for sure. */
  startUs: number;
}

/** Series whose fingerprints begin with a number of [from, to): 32 bits, big-endian. */
export interface SeriesRange {
  from: number;
  to: number;
}

export const ALL_SERIES: SeriesRange = { from: 0, to: 2 ** 32 };

/** About what a sample between windows takes, in samples of columns. */
const TAIL_SAMPLES = 4;
const NOTHING_WANTED = -1;
const UNLABELLED = -2;
const NO_ORDINALS: readonly number[] = [];

/**
 * Reads the records of one partition, and keeps what belongs into wanted windows: whatever the fold
 * would take as new if its memory had no bound. Counters' samples before the windows as well.
 */
export class PartitionCollector {
  samples: CollectedSamples = new CollectedSamples();
  readonly series: CollectedSeries[] = [];
  /** Identities were forgotten: an event may have come twice. */
  hasForgotten = false;
  /** There are more samples than may be held: from then on none are kept. */
  isFull = false;
  /** Samples between wanted windows, of all series. */
  #tails = 0;
  readonly #wanted: WantedWindows;
  readonly #known: KnownBefore;
  readonly #range: SeriesRange;
  readonly #identities: IdentityMemory;
  readonly #receivers: ReceiverMemory;
  /** By fingerprint, for each series that came, its number among those collected. */
  readonly #index = new KeyIndex();
  readonly #numbers: number[] = [];
  /** Of the record at hand, by the number of its series. */
  #slots: Int32Array = new Int32Array(256);
  #lanes: Uint32Array = new Uint32Array(4 * 256);

  constructor(
    wanted: WantedWindows,
    known: KnownBefore,
    { range, identitiesMax }: Readonly<{ range: SeriesRange; identitiesMax: number }>,
  ) {
    this.#wanted = wanted;
    this.#known = known;
    this.#range = range;
    const { tables } = known;
    // What is remembered is forgotten by number alone, and that only to bound it.
    const bounds = { ...DEFAULT_FOLD_SETTINGS, identityHorizonUs: Infinity, identitiesMax };
    if (tables !== undefined) Object.assign(tables.settings, bounds);
    this.#identities = tables?.identities ?? new IdentityMemory(bounds);
    this.#receivers = tables?.receivers ?? new ReceiverMemory(bounds);
  }

  /** `isRecent`: pieces that it changed may not have come to the store. */
  take(record: DataRecord, isRecent: boolean): void {
    const { fingerprints, kinds } = record;
    if (kinds.length > this.#slots.length) this.#grow(kinds.length);
    new Uint8Array(this.#lanes.buffer).set(fingerprints);
    const reader = new DefinitionReader(record.definitions);
    // Also of a record that is dropped: what a later one leaves out may have been said only there.
    for (let s = 0; s < kinds.length; s += 1) this.#slots[s] = this.#find(record, s, reader);
    if (!this.#receivers.note(record, 0)) return;
    const retried = this.#retriedOf(record);
    // Windows had it already when it first came.
    if (record.protocol === REDRIVE_PROTOCOL || this.isFull) return;
    const side = new SideColumns(record);
    for (let i = 0; i < record.values.length; i += 1) {
      side.next(i);
      if (retried !== undefined && !retried.includes(side.ordinal)) continue;
      const number = this.#numberOf(record.seriesIndex[i]!);
      if (number < 0) continue;
      this.#takeSample(record, i, number, side);
      if (isRecent) noteRecent(this.series[number]!, record.times[i]!);
    }
  }

  /** What is held, as so many samples: those between windows are objects, and take more. */
  get held(): number {
    return this.samples.count + TAIL_SAMPLES * this.#tails;
  }

  /** The series that has the most of the samples, by the first 32 bits of its fingerprint. */
  largest(): { at: number; samples: number } {
    const counts = new Uint32Array(this.series.length);
    const { series, count } = this.samples;
    for (let i = 0; i < count; i += 1) counts[series[i]!]! += 1;
    const samples = counts.reduce((a, b) => Math.max(a, b), 0);
    const one = this.series[counts.indexOf(samples)];
    return { at: one === undefined ? 0 : firstBits(one.fingerprint, 0), samples };
  }

  /** Lets go of all samples; whose they were stays known. */
  drop(): void {
    this.samples = new CollectedSamples();
    this.#tails = 0;
    for (const one of this.series) one.tails = new SeriesTails();
  }

  /** What counters go on from is added to what was collected. */
  finish(): void {
    for (const [series, { tails }] of this.series.entries()) {
      for (const { flags, ...sample } of tails.all()) {
        this.samples.add({ ...sample, series, flags: flags | CollectedFlag.neighbour });
      }
    }
  }

  /** Undefined: no part of it came before. Else those of its ordinals that count now. */
  #retriedOf(record: DataRecord): readonly number[] | undefined {
    if (record.identityKind === IdentityKind.none) return undefined;
    const identities = this.#identities;
    const key = partKey(record.identity, record.part);
    const known = identities.find(key, 0);
    if (known < 0) {
      identities.add(key, 0, 0, record.refused);
      this.#boundIdentities();
      return undefined;
    }
    const retried = identities.refusedOf(known);
    if (retried === undefined) return NO_ORDINALS;
    const refusedAgain = new Set(record.refused);
    const left = retried.filter((ordinal) => refusedAgain.has(ordinal));
    identities.setRefused(known, left);
    return [...retried];
  }

  #boundIdentities(): void {
    const { size } = this.#identities;
    this.#identities.expire(0);
    if (this.#identities.size < size) this.hasForgotten = true;
  }

  #takeSample(record: DataRecord, i: number, number: number, side: SideColumns): void {
    const series = this.series[number]!;
    const kind = record.kinds[record.seriesIndex[i]!]!;
    const flags = record.flags[i]!;
    const timeUs = record.times[i]!;
    const isEvent = kind === SampleKind.event;
    if (isEvent && (flags & SampleFlag.id) !== 0 && !this.#isNewEvent(series, side.id)) return;
    const at = placeIn(series.intervals, timeUs);
    const isWanted = at % 2 === 1;
    if (!isWanted && (isEvent || !series.wantsIncrease)) return;
    const startUs = (flags & SampleFlag.start) === 0 ? NaN : side.startUs;
    const sample = { timeUs, value: record.values[i]!, startUs, kind };
    if (isWanted) {
      const more = isEvent ? CollectedFlag.event : 0;
      this.samples.add({ ...sample, series: number, flags: (flags & KEPT_FLAGS) | more });
      return;
    }
    this.#tails += series.tails.add(at, { ...sample, flags: flags & KEPT_FLAGS });
  }

  #isNewEvent({ fingerprint }: CollectedSeries, id: string): boolean {
    const key = eventKey(fingerprint, id);
    if (this.#identities.find(key, 0) >= 0) return false;
    this.#identities.add(key, 0, 0);
    this.#boundIdentities();
    return true;
  }

  #numberOf(s: number): number {
    const slot = this.#slots[s]!;
    return slot < 0 ? slot : this.#numbers[slot]!;
  }

  /** The slot of a series of the record; it is placed as soon as its labels are known. */
  #find(record: DataRecord, s: number, reader: DefinitionReader): number {
    const lanes = this.#lanes;
    const k = 4 * s;
    const [a, b, c, d] = [lanes[k]!, lanes[k + 1]!, lanes[k + 2]!, lanes[k + 3]!];
    let slot = this.#index.find(a, b, c, d);
    const isEvent = record.kinds[s] === SampleKind.event;
    if (slot < 0) {
      if (!isInRange(this.#range, record.fingerprints, s)) return NOTHING_WANTED;
      slot = this.#numbers.push(UNLABELLED) - 1;
      this.#index.reserve(slot + 1);
      this.#index.insert(slot, a, b, c, d);
    }
    // Events always carry their labels; one that does not is nobody's.
    if (isEvent && reader.row(s) < 0) return NOTHING_WANTED;
    if (this.#numbers[slot] !== UNLABELLED) return slot;
    const labels = reader.labels(s) ?? this.#known.labels(lanes, k);
    if (labels !== undefined) this.#numbers[slot] = this.#place(record, s, labels);
    return slot;
  }

  #place(record: DataRecord, s: number, labels: LabelSet): number {
    const fingerprint = record.fingerprints.slice(16 * s, 16 * s + 16);
    const wanted = this.#wanted.of(record.tenant, fingerprint, labels);
    if (wanted === undefined) return NOTHING_WANTED;
    const number = this.series.length;
    const tails = new SeriesTails();
    const before = this.#known.series(this.#lanes, 4 * s);
    const { floorUs, startUs } = before;
    this.series.push({ ...wanted, fingerprint, tails, floorUs, startUs });
    for (const { timeUs, value, isValued } of before.samples) {
      const flags = isValued ? 0 : SampleFlag.stale;
      const sample = { timeUs, value, flags, startUs: NaN, kind: SampleKind.unknown };
      const at = placeIn(wanted.intervals, timeUs);
      if (at % 2 === 0) this.#tails += tails.add(at, sample);
      else {
        this.samples.add({ ...sample, series: number, flags: flags | CollectedFlag.neighbour });
      }
    }
    return number;
  }

  #grow(count: number): void {
    this.#slots = new Int32Array(2 * count);
    this.#lanes = new Uint32Array(8 * count);
  }
}

function noteRecent({ targets }: CollectedSeries, timeUs: number): void {
  for (const { target, widthUs, recent } of targets) {
    if (target.plan.wantsIncrease) recent.note(Math.floor(timeUs / widthUs) * widthUs);
  }
}

const KEPT_FLAGS = SampleFlag.stale | SampleFlag.untimed | SampleFlag.start | SampleFlag.histogram;

/** Odd: within an interval. Even: before that one; the length: behind all of them. */
function placeIn(intervals: Float64Array, timeUs: number): number {
  let low = 0;
  let high = intervals.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (intervals[middle]! <= timeUs) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isInRange({ from, to }: SeriesRange, fingerprints: Uint8Array, s: number): boolean {
  const first = firstBits(fingerprints, 16 * s);
  return first >= from && first < to;
}

function firstBits(bytes: Uint8Array, at: number): number {
  const [a, b, c, d] = [bytes[at]!, bytes[at + 1]!, bytes[at + 2]!, bytes[at + 3]!];
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}
