import { isDeepStrictEqual } from 'node:util';
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

  /**
   * Folds the record at `head.position`.
   *
   * @throws MillraceError (permanent) when that can never be done: then nothing has changed.
   */
  apply(record: EventsRecord, appendTimeUs: number): void {
    const { head } = this;
    const offset = head.position;
    this.#check(record, offset);
    this.#out.begin(offset);
    const timeUs = this.#partitionTimeAfter(record, appendTimeUs);
    this.#boundaries(timeUs);
    head.partitionTimeUs = timeUs;
    if (this.#tables !== undefined) this.#evict(this.#tables, timeUs);
    if (record.kind === EventsRecordKind.barrier) this.#barrier(record, offset);
    if (record.kind === EventsRecordKind.data) {
      this.#data!.fold(record, offset);
      this.#bound(offset);
    }
    head.position = offset + 1;
  }

  #check(record: EventsRecord, offset: number): void {
    const tables = this.#tables;
    if (record.kind === EventsRecordKind.data && tables === undefined) throw noBarrier(offset);
    if (record.kind !== EventsRecordKind.barrier || tables === undefined) return;
    const { barrier } = tables;
    if (record.number > barrier.number && !isSameRules(record, barrier)) {
      throw rulesCannotChange(offset);
    }
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
    const { windows } = tables;
    const isBoundary = !isSameInterval(beforeUs, timeUs, publishUs);
    if (isBoundary) this.#putOutOpen(windows.takeChangedAway());
    // Asked for itself: the one interval need not be a multiple of the other.
    if (!isSameInterval(beforeUs, timeUs, rollupPublishUs)) {
      this.#putOutOpen(windows.takeChangedRollups());
    }
    if (!isBoundary) return;
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

  #putOutOpen(slots: readonly number[]): void {
    const { windows } = this.#tables!;
    for (const slot of slots) this.#out.entry(EntryType.open, windows.entry(slot));
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

  /** The first barrier brings the rules; a later one can only repeat them. */
  #barrier(record: BarrierRecord, offset: number): void {
    const tables = this.#tables;
    if (tables !== undefined) {
      const number = Math.max(record.number, tables.barrier.number);
      tables.barrier = { ...tables.barrier, number };
      return;
    }
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
    const { foldVersion } = tables.barrier;
    if (foldVersion !== FOLD_VERSION) throw foldVersionUnknown(foldVersion, FOLD_VERSION);
    this.#tables = tables;
    this.#data = new DataFold(this.head, tables, this.#out, this.counts);
  }
}

function isSameRules(a: FoldTables['barrier'], b: FoldTables['barrier']): boolean {
  return (
    a.foldVersion === b.foldVersion &&
    isDeepStrictEqual(a.settings, b.settings) &&
    isDeepStrictEqual(a.rules, b.rules)
  );
}

function isSameInterval(aUs: number, bUs: number, widthUs: number): boolean {
  return Math.floor(aUs / widthUs) === Math.floor(bUs / widthUs);
}
