import {
  EntryType,
  EventsRecordKind,
  type BarrierRecord,
  type EventsRecord,
  type SeriesRecordBuilder,
} from '@millrace/wire';
import { secondOf } from '../memory/due-list.ts';
import { DataFold, type FoldCounts } from './data-fold.ts';
import { foldVersionUnknown, noBarrier, rulesCannotChange } from './fold-errors.ts';
import { createTables, type FoldTables, type PartitionHead } from './partition-state.ts';

/** The fold of this program. It changes when the same records would give other entries. */
export const FOLD_VERSION = 1;

/**
 * The transformer's computation over one partition: State(n) and Out(n) depend only on the
 * records 0..n. No clock, no I/O; entries go to the builder in the order they are decided.
 */
export class PartitionFold {
  readonly head: PartitionHead;
  readonly counts: FoldCounts = {
    late: 0,
    appendedAgain: 0,
    overflowedPieces: 0,
    overflowedSeries: 0,
  };
  readonly #out: SeriesRecordBuilder;
  #tables: FoldTables | undefined;
  #data: DataFold | undefined;

  constructor(head: PartitionHead, tables: FoldTables | undefined, out: SeriesRecordBuilder) {
    this.head = head;
    this.#out = out;
    if (tables !== undefined) this.#adopt(tables);
  }

  get tables(): FoldTables | undefined {
    return this.#tables;
  }

  /** Folds the record at `head.position`. */
  apply(record: EventsRecord, appendTimeUs: number): void {
    const { head } = this;
    const offset = head.position;
    this.#out.begin(offset);
    const timeUs = this.#partitionTimeAfter(record, appendTimeUs);
    this.#boundaries(timeUs);
    head.partitionTimeUs = timeUs;
    if (this.#tables !== undefined) this.#evict(this.#tables, timeUs);
    switch (record.kind) {
      case EventsRecordKind.log:
      case EventsRecordKind.tick:
        break;
      case EventsRecordKind.barrier:
        this.#barrier(record, offset);
        break;
      case EventsRecordKind.data:
        if (this.#data === undefined) throw noBarrier(offset);
        this.#data.fold(record, offset);
        this.#bound(offset);
        break;
    }
    head.position = offset + 1;
  }

  /** The running maximum of the append times, each capped by its record's arrival. */
  #partitionTimeAfter(record: EventsRecord, appendTimeUs: number): number {
    const { partitionTimeUs } = this.head;
    if (!('receivedAtUs' in record)) return partitionTimeUs;
    const cap = record.receivedAtUs + (this.#tables?.settings.appendCapUs ?? 0);
    return Math.max(partitionTimeUs, Math.min(appendTimeUs, cap));
  }

  /** Puts out what changed before this record, when it enters a new publish interval. */
  #boundaries(timeUs: number): void {
    const tables = this.#tables;
    const beforeUs = this.head.partitionTimeUs;
    if (tables === undefined || beforeUs === 0) return;
    const { publishUs, rollupPublishUs } = tables.settings;
    if (isSameInterval(beforeUs, timeUs, publishUs)) return;
    const { windows } = tables;
    for (const slot of windows.takeChangedAway()) {
      this.#out.entry(EntryType.open, windows.entry(slot));
    }
    if (!isSameInterval(beforeUs, timeUs, rollupPublishUs)) {
      for (const slot of windows.takeChangedRollups()) {
        this.#out.entry(EntryType.open, windows.entry(slot));
      }
    }
    this.#out.entry(EntryType.ledger, {
      totals: tables.ledger.takeChanged(),
      partitionTimeUs: beforeUs,
      watermarkUs: beforeUs - tables.settings.latenessUs,
      position: this.head.position,
    });
  }

  /** Finishes pieces the watermark has passed; forgets what is over its horizon. */
  #evict(tables: FoldTables, timeUs: number): void {
    const second = secondOf(timeUs);
    this.#finish(tables.windows.takeFinal(second));
    tables.identities.expire(timeUs);
    tables.receivers.expire(timeUs);
    this.#raiseFloor(tables.series.forgetIdle(second));
  }

  /** Holds the counts at their bounds, at the end of a record. */
  #bound(offset: number): void {
    const tables = this.#tables!;
    const overflow = tables.windows.takeOverflow(offset);
    this.counts.overflowedPieces += overflow.length;
    this.#finish(overflow);
    tables.identities.expire(this.head.partitionTimeUs);
    const { seriesMax } = tables.settings;
    const { size } = tables.series;
    if (size <= seriesMax) return;
    this.#raiseFloor(tables.series.forgetOldest(Math.floor((seriesMax / 8) * 7)));
    this.counts.overflowedSeries += size - tables.series.size;
  }

  #finish(slots: readonly number[]): void {
    const { windows } = this.#tables!;
    for (const slot of slots) {
      this.#out.entry(EntryType.final, windows.entry(slot));
      windows.remove(slot);
    }
  }

  #raiseFloor(floorUs: number): void {
    this.head.partitionFloorUs = Math.max(this.head.partitionFloorUs, floorUs);
  }

  /** The first barrier brings the rules. Repeats are ignored. */
  #barrier(record: BarrierRecord, offset: number): void {
    if (this.#tables !== undefined && record.number <= this.#tables.barrier.number) return;
    if (record.foldVersion !== FOLD_VERSION) {
      throw foldVersionUnknown(record.foldVersion, FOLD_VERSION);
    }
    if (this.#tables !== undefined) throw rulesCannotChange(offset);
    this.#adopt(createTables(record));
    for (const rule of this.#tables!.rules.rules) {
      this.#out.entry(EntryType.edition, {
        edition: rule.edition,
        rule: rule.name,
        definition: rule.source,
        widthsUs: rule.widthsUs,
        aggregates: rule.aggregates,
        fromPosition: offset,
        fromPartitionTimeUs: this.head.partitionTimeUs,
      });
    }
  }

  #adopt(tables: FoldTables): void {
    this.#tables = tables;
    this.#data = new DataFold(this.head, tables, this.#out, this.counts);
  }
}

function isSameInterval(aUs: number, bUs: number, widthUs: number): boolean {
  return Math.floor(aUs / widthUs) === Math.floor(bUs / widthUs);
}
