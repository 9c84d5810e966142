import { SampleKind, type LabelSet } from '@millrace/model';
import { DefinitionReader, type DataRecord } from '@millrace/wire';
import type { FoldTables, PartitionHead } from './partition-state.ts';
import { lanesOf, type InputSeries, type SeriesPlacement } from './series-placement.ts';

/** The series of the record being folded, each looked up when the first sample of it comes. */
export class RecordSeries {
  readonly #head: PartitionHead;
  readonly #tables: FoldTables;
  /** The fingerprints as lanes, four for each series. */
  keys: Uint32Array = new Uint32Array(0);
  #record!: DataRecord;
  #definitions!: DefinitionReader;
  /** By number in the record; what lies behind the record's series is of an earlier one. */
  #placements: (SeriesPlacement | undefined)[] = [];
  #slots = new Int32Array(256);
  #defined = new Uint8Array(256);

  constructor(head: PartitionHead, tables: FoldTables) {
    this.#head = head;
    this.#tables = tables;
  }

  begin(record: DataRecord): void {
    const count = record.kinds.length;
    this.#record = record;
    this.#definitions = new DefinitionReader(record.definitions);
    this.keys = lanesOf(record.fingerprints);
    const { labels } = this.#tables;
    labels.learn(record, this.#definitions, this.keys, this.#head.partitionTimeUs);
    if (count > this.#slots.length) {
      this.#slots = new Int32Array(2 * count);
      this.#defined = new Uint8Array(2 * count);
    }
    this.#placements = new Array<SeriesPlacement | undefined>(count).fill(undefined);
    this.#defined.fill(0, 0, count);
  }

  /** Undefined when neither the record nor the log before it says what its labels are. */
  placement(s: number): SeriesPlacement | undefined {
    return this.#placements[s] ?? this.#look(s);
  }

  kind(s: number): SampleKind {
    return this.#record.kinds[s]! as SampleKind;
  }

  /** The slot in the series memory, or -1 for events. Legal once the placement was asked for. */
  slot(s: number): number {
    return this.#slots[s]!;
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
    if (this.#defined[s] !== 0) return false;
    this.#defined[s] = 1;
    return true;
  }

  #look(s: number): SeriesPlacement | undefined {
    const isEvent = this.kind(s) === SampleKind.event;
    const placement = isEvent ? this.#lookAtEvents(s) : this.#lookAtTimed(s);
    this.#placements[s] = placement;
    return placement;
  }

  /** Of events each record has the labels, whether or not their placement is still known. */
  #lookAtEvents(s: number): SeriesPlacement | undefined {
    this.#slots[s] = -1;
    if (this.#definitions.row(s) < 0) return undefined;
    return this.#tables.placements.ofEvents(this.keys, 4 * s, () => this.#input(s, this.labels(s)));
  }

  #lookAtTimed(s: number): SeriesPlacement | undefined {
    const { placements, series } = this.#tables;
    const k = 4 * s;
    const { keys } = this;
    let slot = series.index.find(keys[k]!, keys[k + 1]!, keys[k + 2]!, keys[k + 3]!);
    // Where there is a placement, labels are known: both are forgotten together.
    const known = slot < 0 ? undefined : placements.find(slot);
    const labels = known === undefined ? this.#knownLabels(s) : undefined;
    if (known === undefined && labels === undefined) return undefined;
    if (slot < 0) {
      slot = series.create(keys, k, this.#head.partitionFloorUs);
      series.touch(slot, this.#head.partitionTimeUs);
    }
    this.#slots[s] = slot;
    return known ?? placements.add(slot, this.#input(s, labels!));
  }

  #knownLabels(s: number): LabelSet | undefined {
    return this.#definitions.labels(s) ?? this.#tables.labels.labels(this.keys, 4 * s);
  }

  #input(s: number, labels: LabelSet): InputSeries {
    return { tenant: this.#record.tenant, fingerprint: this.fingerprint(s), labels };
  }
}
