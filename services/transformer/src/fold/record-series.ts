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
    if (count > this.#slots.length) {
      this.#slots = new Int32Array(2 * count);
      this.#defined = new Uint8Array(2 * count);
    }
    this.#placements = new Array<SeriesPlacement | undefined>(count).fill(undefined);
    this.#defined.fill(0, 0, count);
  }

  placement(s: number): SeriesPlacement {
    return this.#placements[s] ?? this.#look(s);
  }

  kind(s: number): SampleKind {
    return this.#record.kinds[s]! as SampleKind;
  }

  /** The slot in the series memory, or -1 for events. Legal once the placement was asked for. */
  slot(s: number): number {
    return this.#slots[s]!;
  }

  labels(s: number): LabelSet {
    return this.#definitions.definedLabels(s);
  }

  /** True the first time it is asked about a series of this record. */
  isFirst(s: number): boolean {
    if (this.#defined[s] !== 0) return false;
    this.#defined[s] = 1;
    return true;
  }

  #look(s: number): SeriesPlacement {
    const { placements, series } = this.#tables;
    let placement: SeriesPlacement | undefined;
    if (this.kind(s) === SampleKind.event) {
      this.#slots[s] = -1;
      placement = placements.ofEvents(this.keys, 4 * s, () => this.#input(s));
    } else {
      const k = 4 * s;
      const { keys } = this;
      let slot = series.index.find(keys[k]!, keys[k + 1]!, keys[k + 2]!, keys[k + 3]!);
      if (slot < 0) {
        slot = series.create(keys, k, this.#head.partitionFloorUs);
        series.touch(slot, this.#head.partitionTimeUs);
      }
      this.#slots[s] = slot;
      placement = placements.find(slot) ?? placements.add(slot, this.#input(s));
    }
    this.#placements[s] = placement;
    return placement;
  }

  #input(s: number): InputSeries {
    const { tenant, fingerprints } = this.#record;
    return {
      tenant,
      fingerprint: fingerprints.slice(16 * s, 16 * s + 16),
      labels: this.labels(s),
    };
  }
}
