import { SampleKind, type LabelSet } from '@millrace/model';
import { DefinitionReader, type DataRecord } from '@millrace/wire';
import type { FoldTables, PartitionHead } from './partition-state.ts';
import type { SeriesCaches } from './series-caches.ts';
import type { InputSeries, SeriesPlacement } from './series-placement.ts';

const NOT_LOOKED = -2;
const NOTHING = -1;
const SERIES_MIN = 256;

/** The series of the record being folded, each looked up when the first sample of it comes. */
export class RecordSeries {
  readonly #head: PartitionHead;
  readonly #tables: FoldTables;
  /** The fingerprints as lanes, four for each series; what lies behind them is of an earlier one. */
  keys: Uint32Array = new Uint32Array(4 * SERIES_MIN);
  /** The same memory as bytes. */
  keyBytes: Uint8Array = new Uint8Array(this.keys.buffer);
  #record!: DataRecord;
  #definitions!: DefinitionReader;
  /** By number in the record, where its slot is known. */
  readonly #placements: (SeriesPlacement | undefined)[] = [];
  #slots = new Int32Array(SERIES_MIN);
  /** Where what was found of a series the last time stands in `caches`. */
  #rows = new Int32Array(SERIES_MIN);
  /** By number in the record, 1 once `isFirst` was asked about it. */
  #met = new Uint8Array(SERIES_MIN);
  /**
   * By slot, the slot that came behind it in the record before: senders repeat themselves, and
   * comparing a key costs less than looking for one. A guess: it may be out of date.
   */
  #follower = new Int32Array(SERIES_MIN).fill(NOTHING);
  #last = NOTHING;

  constructor(head: PartitionHead, tables: FoldTables) {
    this.#head = head;
    this.#tables = tables;
  }

  begin(record: DataRecord): void {
    const count = record.kinds.length;
    this.#record = record;
    this.#definitions = new DefinitionReader(record.definitions);
    if (count > this.#slots.length) this.#grow(count);
    while (this.#placements.length < count) this.#placements.push(undefined);
    // A copy: the record's may not be aligned.
    this.keyBytes.set(record.fingerprints);
    this.#slots.fill(NOT_LOOKED, 0, count);
    this.#met.fill(0, 0, count);
    this.#last = NOTHING;
    this.#tables.placements.boundEvents();
    if (record.definitions.rows.length === 0) return;
    const { labels } = this.#tables;
    labels.learn(record, this.#definitions, this.keys, this.#head.partitionTimeUs);
  }

  /** Undefined when neither the record nor the log before it says what its labels are. */
  placement(s: number): SeriesPlacement | undefined {
    if (this.#slots[s] === NOT_LOOKED) this.#look(s);
    return this.#placements[s];
  }

  kind(s: number): SampleKind {
    return this.#record.kinds[s]! as SampleKind;
  }

  /** The slot in the series memory, or -1 for events. Legal once the placement was asked for. */
  slot(s: number): number {
    return this.#slots[s]!;
  }

  /** Where what was found of the series the last time is kept. Legal as `slot` is. */
  row(s: number): number {
    return this.#rows[s]!;
  }

  caches(s: number): SeriesCaches {
    const { timed, untimed } = this.#tables.placements;
    return this.#record.kinds[s] === SampleKind.event ? untimed : timed;
  }

  /** Legal when it has a placement. */
  labels(s: number): LabelSet {
    return this.#knownLabels(s)!;
  }

  fingerprint(s: number): Uint8Array {
    return this.#record.fingerprints.slice(16 * s, 16 * s + 16);
  }

  /** True the first time it is asked about a series of this record. */
  isFirst(s: number): boolean {
    if (this.#met[s] !== 0) return false;
    this.#met[s] = 1;
    return true;
  }

  #look(s: number): void {
    const isEvent = this.#record.kinds[s] === SampleKind.event;
    this.#slots[s] = NOTHING;
    this.#placements[s] = isEvent ? this.#lookAtEvents(s) : this.#lookAtTimed(s);
  }

  /** Of events each record has the labels, whether or not their placement is still known. */
  #lookAtEvents(s: number): SeriesPlacement | undefined {
    if (this.#definitions.row(s) < 0) return undefined;
    const { placements } = this.#tables;
    const row = placements.eventRow(this.keys, 4 * s, () => this.#input(this.labels(s)));
    this.#rows[s] = row;
    return placements.ofEvents(row);
  }

  #lookAtTimed(s: number): SeriesPlacement | undefined {
    const { placements, series } = this.#tables;
    let slot = this.#find(4 * s);
    // Where there is a placement, labels are known: both are forgotten together.
    const known = slot < 0 ? undefined : placements.find(slot);
    if (known !== undefined) {
      this.#slots[s] = slot;
      this.#rows[s] = slot;
      return known;
    }
    const labels = this.#knownLabels(s);
    if (labels === undefined) return undefined;
    if (slot < 0) {
      slot = series.create(this.keys, 4 * s, this.#head.partitionFloorUs);
      series.touch(slot, this.#head.partitionTimeUs);
    }
    this.#slots[s] = slot;
    this.#rows[s] = slot;
    return placements.add(slot, this.#input(labels));
  }

  /** The slot of the series whose key is at `k`, or -1. */
  #find(k: number): number {
    const { series } = this.#tables;
    const { keys } = this;
    const last = this.#last;
    const guess = last < 0 ? NOTHING : this.#follower[last]!;
    if (guess >= 0 && series.holds(guess, keys, k)) return (this.#last = guess);
    const slot = series.index.find(keys[k]!, keys[k + 1]!, keys[k + 2]!, keys[k + 3]!);
    if (last >= 0 && slot >= 0) this.#follower[last] = slot;
    if (slot >= this.#follower.length) this.#growFollower(slot);
    return (this.#last = slot);
  }

  #knownLabels(s: number): LabelSet | undefined {
    return this.#definitions.labels(s) ?? this.#tables.labels.labels(this.keys, 4 * s);
  }

  #input(labels: LabelSet): InputSeries {
    return { tenant: this.#record.tenant, labels };
  }

  #grow(count: number): void {
    this.#slots = new Int32Array(2 * count);
    this.#rows = new Int32Array(2 * count);
    this.#met = new Uint8Array(2 * count);
    this.keys = new Uint32Array(8 * count);
    this.keyBytes = new Uint8Array(this.keys.buffer);
  }

  #growFollower(slot: number): void {
    const grown = new Int32Array(2 * slot).fill(NOTHING);
    grown.set(this.#follower);
    this.#follower = grown;
  }
}
