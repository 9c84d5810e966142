import {
  EntryType,
  EventsRecordKind,
  FOLD_VERSIONS,
  tellsReasons,
  type BarrierRecord,
  type DataRecord,
  type EventsRecord,
  type FoldSettings,
  type SeriesRecordBuilder,
} from '@millrace/wire';
import { secondOf } from '../memory/due-list.ts';
import type { Loss } from '../memory/loss-memory.ts';
import { DataFold, type FoldCounts, type PartVerdict } from './data-fold.ts';
import { EDITION_OVERLAP_US, type EditionsChange } from './editions.ts';
import { foldVersionUnknown, noBarrier } from './fold-errors.ts';
import { createTables, type FoldTables, type PartitionHead } from './partition-state.ts';
import { JointFold, ROWS_MIN } from './joint-fold.ts';
import { mayRepeat } from './record-layouts.ts';
import { isLate } from './quick-windows.ts';
import { readBarrier, type ReadBarrier } from './read-barrier.ts';

export { FOLD_VERSION } from '@millrace/wire';

/** A record of the log, and when it was appended. */
export interface AppendedRecord {
  record: EventsRecord;
  appendTimeUs: number;
}

/** Records that are folded one by one before it is looked again whether some can be together. */
const ALONE_MAX = 256;

/**
 * The transformer's computation over one partition: State(n) and Out(n) depend only on the
 * records 0..n. No clock, no I/O; entries go to the builder in the order they are decided.
 */
export class PartitionFold {
  readonly head: PartitionHead;
  readonly counts: FoldCounts = {
    late: 0,
    together: 0,
    appendedAgain: 0,
    overflowedPieces: 0,
    overflowedSeries: 0,
    overflowedLabels: 0,
    overflowedLabelsByBytes: 0,
    ignoredBarriers: 0,
    overflowedEditions: 0,
  };
  readonly #out: SeriesRecordBuilder;
  #tables: FoldTables | undefined;
  #data: DataFold | undefined;
  #joint: JointFold | undefined;
  /** The record before was folded by itself, under what is in force: bounds were held behind it. */
  #isBounded = false;
  /** So many are folded by themselves, and at the next try as many as `#aloneNext`. */
  #alone = 0;
  #aloneNext = 1;
  /** Of records that are folded together: when, and where. */
  readonly #moments: { partitionTimeUs: number; offset: number }[] = [];

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
    const barrier = this.#check(record, offset);
    this.#out.begin(offset);
    const timeUs = this.#partitionTimeAfter(record, appendTimeUs);
    this.#boundaries(timeUs);
    head.partitionTimeUs = timeUs;
    if (this.#tables !== undefined) this.#evict(this.#tables, timeUs);
    if (barrier !== undefined) this.#take(barrier, record as BarrierRecord, offset);
    else if (record.kind === EventsRecordKind.barrier) this.counts.ignoredBarriers += 1;
    if (record.kind === EventsRecordKind.data) {
      this.#data!.fold(record, offset);
      this.#bound(offset);
    }
    head.position = offset + 1;
  }

  /**
   * The same for the records from `head.position` on, whose columns all have to be valid: those
   * that can be are folded together, which changes nothing of what comes of them.
   */
  applyAll(records: readonly AppendedRecord[]): void {
    // Of fewer none come twice.
    const lastTry = mayRepeat(records, ROWS_MIN) ? records.length - ROWS_MIN : -1;
    for (let i = 0; i < records.length;) {
      const before = i;
      if (i <= lastTry && this.#alone === 0) i = this.#applyTogether(records, i);
      if (i > before) {
        this.#aloneNext = 1;
        continue;
      }
      this.#alone = Math.max(0, this.#alone - 1);
      this.apply(records[i]!.record, records[i]!.appendTimeUs);
      i += 1;
    }
  }

  /** Folds records from number `from` on; returns up to which. */
  #applyTogether(records: readonly AppendedRecord[], from: number): number {
    const tables = this.#tables;
    if (tables === undefined || !this.#isBounded || isOverBounds(tables)) return from;
    const joint = (this.#joint ??= new JointFold(tables));
    const { head } = this;
    const second = secondOf(head.partitionTimeUs);
    // Before version 3 a piece may be final in the second in which it was opened.
    if (tables.windows.isDue(second)) return from;
    // Within a second nothing else becomes due, and what was due is done.
    const untilUs = (second + 1) * 1_000_000;
    joint.begin(untilUs);
    const moments = this.#moments;
    moments.length = 0;
    let partitionTimeUs = head.partitionTimeUs;
    for (let i = from; i < records.length; i += 1) {
      const { record, appendTimeUs } = records[i]!;
      if (record.kind !== EventsRecordKind.data || this.#data!.isRedriven(record)) break;
      const timeUs = this.#partitionTimeAfter(record, appendTimeUs);
      partitionTimeUs = Math.max(partitionTimeUs, timeUs);
      if (partitionTimeUs >= untilUs || this.#meetsBoundary(tables, partitionTimeUs)) break;
      if (!joint.add(record)) break;
      moments.push({ partitionTimeUs, offset: head.position + i - from });
    }
    if (joint.isWorthIt) return this.#foldTogether(records, from);
    if (joint.hasLooked) {
      this.#alone = this.#aloneNext;
      this.#aloneNext = Math.min(ALONE_MAX, 2 * this.#aloneNext);
    }
    return from;
  }

  #meetsBoundary({ settings, editions }: FoldTables, timeUs: number): boolean {
    const beforeUs = this.head.partitionTimeUs;
    return (
      !isSameInterval(beforeUs, timeUs, settings.publishUs) ||
      !isSameInterval(beforeUs, timeUs, settings.rollupPublishUs) ||
      editions.endedBy(timeUs).length > 0
    );
  }

  /** Those that were added. What is asked of a whole record is asked in turn, as always. */
  #foldTogether(records: readonly AppendedRecord[], from: number): number {
    const { head } = this;
    const joint = this.#joint!;
    const data = this.#data!;
    const { identities, receivers } = this.#tables!;
    const moments = this.#moments;
    let count = 0;
    let again: PartVerdict | undefined;
    let isStopped = false;
    while (count < moments.length && !isStopped) {
      const { partitionTimeUs, offset } = moments[count]!;
      const record = records[from + count]!.record as DataRecord;
      this.#out.begin(offset);
      head.partitionTimeUs = partitionTimeUs;
      this.#raiseWatermark(this.#tables!);
      identities.expire(partitionTimeUs);
      receivers.expire(partitionTimeUs);
      const part = data.enter(record, offset);
      identities.expire(partitionTimeUs);
      isStopped = part === undefined || part.seenBefore;
      if (isStopped) again = part;
      else {
        this.#putOutTogether(record, count);
        count += 1;
      }
    }
    if (isStopped) joint.cut(count);
    if (count > 0) joint.fold(moments);
    head.position += count;
    if (!isStopped) return from + count;
    // One that the log, or a sender, has repeated: it was entered, and is folded by itself.
    if (again !== undefined) data.foldAgain(records[from + count]!.record as DataRecord, again);
    this.#bound(head.position);
    head.position += 1;
    return from + count + 1;
  }

  /** What each record has of its own. `number`: among those that are folded together. */
  #putOutTogether(record: DataRecord, number: number): void {
    const { head } = this;
    const joint = this.#joint!;
    const { placement } = joint;
    const { length } = record.values;
    const timeUs = joint.timeUs(number);
    this.#data!.count(length, placement);
    if (placement.keepRaw) this.#out.samples(joint.keys(number), record, 0, length);
    if (timeUs < head.watermarkUs && isLate(timeUs, placement.targets, head.watermarkUs)) {
      this.counts.late += length;
    }
    head.largestTimeUs = Math.max(head.largestTimeUs, timeUs);
    this.counts.together += length;
  }

  #check(record: EventsRecord, offset: number): ReadBarrier | undefined {
    const tables = this.#tables;
    if (record.kind === EventsRecordKind.data && tables === undefined) throw noBarrier(offset);
    if (record.kind !== EventsRecordKind.barrier) return undefined;
    return readBarrier(record, offset, tables);
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
      totals: tables.ledger.takeChanged(tellsReasons(tables.barrier.foldVersion)),
      partitionTimeUs: beforeUs,
      watermarkUs: this.head.watermarkUs,
      position: this.head.position,
    });
  }

  /** Finishes pieces the watermark has passed; forgets what is over its horizon. */
  #evict(tables: FoldTables, timeUs: number): void {
    const second = secondOf(timeUs);
    this.#raiseWatermark(tables);
    this.#finish(tables.windows.takeFinal(second));
    this.#endEditions(tables, tables.editions.endedBy(timeUs));
    tables.identities.expire(timeUs);
    tables.receivers.expire(timeUs);
    this.#raiseFloor(tables.series.forgetIdle(second));
    tables.labels.expire(second);
  }

  /** Holds the counts at their bounds, at the end of a record. */
  #bound(offset: number): void {
    const tables = this.#tables!;
    const overflow = tables.windows.takeOverflow(offset);
    this.counts.overflowedPieces += overflow.length;
    this.#finish(overflow);
    tables.identities.expire(this.head.partitionTimeUs);
    const labels = tables.labels.bound();
    this.counts.overflowedLabels += labels.byNumber;
    this.counts.overflowedLabelsByBytes += labels.byBytes;
    const { seriesMax } = tables.settings;
    const { size } = tables.series;
    this.#isBounded = true;
    if (size <= seriesMax) return;
    this.#raiseFloor(tables.series.forgetOldest(Math.floor((seriesMax / 8) * 7)));
    this.counts.overflowedSeries += size - tables.series.size;
  }

  #putOutOpen(slots: readonly number[]): void {
    if (!this.#out.takes(EntryType.open)) return;
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

  /** Forgets editions that ended; what they have open is finished. */
  #endEditions({ editions, windows, placements }: FoldTables, ended: readonly number[]): void {
    if (ended.length === 0) return;
    this.#finish(windows.ofEditions(ended));
    editions.forget(ended);
    placements.forgetEnded();
  }

  /** It never goes back, also when lateness has grown. */
  #raiseWatermark({ settings }: FoldTables): void {
    const { head } = this;
    head.watermarkUs = Math.max(head.watermarkUs, head.partitionTimeUs - settings.latenessUs);
  }

  #raiseFloor(floorUs: number): void {
    this.head.partitionFloorUs = Math.max(this.head.partitionFloorUs, floorUs);
  }

  /** Brings other rules and settings into force, from here on. */
  #take({ barrier, rules }: ReadBarrier, record: BarrierRecord, offset: number): void {
    const { head } = this;
    const tables = this.#tables;
    this.#isBounded = false;
    this.#out.changeFoldVersion(barrier.foldVersion);
    head.skewMaxUs = Math.max(head.skewMaxUs, barrier.settings.futureSkewUs);
    if (tables === undefined) {
      const first = createTables(barrier);
      this.#adopt(first);
      this.#raiseWatermark(first);
      for (const one of first.editions.atFirst) this.#putOutBegun(one, record, offset);
      return;
    }
    const change = tables.editions.change(rules, {
      largestUs: Math.max(head.partitionTimeUs, head.largestTimeUs),
      // Other partitions may be ahead by what a sample may be ahead of its arrival.
      overlapUs: EDITION_OVERLAP_US + head.skewMaxUs,
      horizonUs: barrier.settings.identityHorizonUs,
    });
    // What came under a version that does not count losses is not counted.
    if (barrier.foldVersion !== tables.barrier.foldVersion) tables.losses.startBehind(offset);
    tables.barrier = barrier;
    this.#putOutChange(change, record, offset);
    this.#endEditions(tables, change.dropped);
    this.#changeSettings(tables, barrier.settings);
    tables.placements.change();
    this.#boundEditions(tables);
  }

  #putOutChange(change: EditionsChange, record: BarrierRecord, offset: number): void {
    const { begun, retired, dropped } = change;
    for (const one of begun) this.#putOutBegun(one, record, offset);
    for (const { edition, untilUs } of retired) {
      this.#out.entry(EntryType.editionEnd, { edition, position: offset, untilUs });
    }
    // Nobody knows which of its windows will have got all.
    for (const edition of dropped) {
      this.#out.entry(EntryType.editionEnd, { edition, position: offset, untilUs: 0 });
    }
  }

  #putOutBegun(
    { plan: { rule }, candidate }: EditionsChange['begun'][number],
    { partitions }: BarrierRecord,
    offset: number,
  ): void {
    this.#out.entry(EntryType.edition, {
      edition: rule.edition,
      rule: rule.name,
      definition: rule.source,
      widthsUs: rule.widthsUs,
      aggregates: rule.aggregates,
      fromPosition: offset,
      fromPartitionTimeUs: this.head.partitionTimeUs,
      fromLargestTimeUs: this.head.largestTimeUs,
      partitions,
      ...(candidate === undefined ? {} : { candidate }),
    });
  }

  /** Whatever was computed from the settings of before is computed anew. */
  #changeSettings(tables: FoldTables, settings: FoldSettings): void {
    const { series, labels, windows } = tables;
    const isIdleChanged = settings.seriesIdleUs !== tables.settings.seriesIdleUs;
    Object.assign(tables.settings, settings);
    this.#raiseWatermark(tables);
    if (isIdleChanged) {
      series.restore();
      labels.restore();
    }
    const { foldVersion } = tables.barrier;
    // The watermark may have moved: what it has passed is put out before anybody says so.
    this.#finish(windows.change(foldVersion, secondOf(this.head.partitionTimeUs)));
  }

  /** Ends the oldest of too many retired editions: their open windows stay without what follows. */
  #boundEditions(tables: FoldTables): void {
    const ended = tables.editions.aboveBound();
    if (ended.length === 0) return;
    this.counts.overflowedEditions += ended.length;
    for (const slot of tables.windows.ofEditions(ended)) tables.windows.pieces.mark(slot);
    this.#endEditions(tables, ended);
  }

  /** What the log was found to have lost since it was asked for last. */
  takeLosses(): readonly Loss[] {
    return this.#data?.losses.splice(0) ?? [];
  }

  #adopt(tables: FoldTables): void {
    const { foldVersion } = tables.barrier;
    if (!FOLD_VERSIONS.includes(foldVersion)) throw foldVersionUnknown(foldVersion, FOLD_VERSIONS);
    this.#tables = tables;
    this.#joint = undefined;
    this.#isBounded = false;
    this.#data = new DataFold(this.head, tables, this.#out, this.counts);
  }
}

/** Then whatever comes may be about to close or to forget something. */
function isOverBounds({ windows, series, settings }: FoldTables): boolean {
  return windows.pieces.size > settings.piecesMax || series.size > settings.seriesMax;
}

function isSameInterval(aUs: number, bUs: number, widthUs: number): boolean {
  return Math.floor(aUs / widthUs) === Math.floor(bUs / widthUs);
}
