import { SampleFlag, SampleKind, type LabelSet, type LedgerTotals } from '@millrace/model';
import {
  DefinitionReader,
  EntryType,
  IdentityKind,
  type DataRecord,
  type SeriesRecordBuilder,
} from '@millrace/wire';
import { Verdict } from './dedupe.ts';
import { eventKey, histogramBits, partKey } from './identity-keys.ts';
import { increaseBetween } from './increase.ts';
import type { FoldTables, PartitionHead } from './partition-state.ts';
import { lanesOf, type SeriesPlacement } from './series-placement.ts';
import type { FoldMoment } from './window-fold.ts';

/** What the fold counts for the stage's own metrics; nothing depends on it. */
export interface FoldCounts {
  /** Samples folded into windows the watermark had passed. */
  late: number;
  /** Samples of records that the log holds twice. */
  appendedAgain: number;
  /** Pieces closed early because of their bound. */
  overflowed: number;
}

/** How a whole part stands before its samples are looked at. */
interface PartVerdict {
  /** Every sample outside `retried` was folded when the part was first seen. */
  seenBefore: boolean;
  /** Ordinals that were refused the first time. */
  retried: Uint32Array | undefined;
}

/** One series of the record being folded. */
interface RecordSeries {
  /** Its number in the record. */
  index: number;
  /** Slot in the series memory; -1 for events. */
  slot: number;
  kind: SampleKind;
  fingerprint: Uint8Array;
  placement: SeriesPlacement;
  isDefined: boolean;
}

/** Folds data records: dedupe, place, fold. */
export class DataFold {
  readonly #head: PartitionHead;
  readonly #tables: FoldTables;
  readonly #out: SeriesRecordBuilder;
  readonly #counts: FoldCounts;
  readonly #at: FoldMoment = { offset: 0, logNumber: 0, partitionTimeUs: 0 };
  #record!: DataRecord;
  #definitions!: DefinitionReader;
  #keys!: Uint32Array;
  #ledger!: LedgerTotals;
  #series: (RecordSeries | undefined)[] = [];

  constructor(
    head: PartitionHead,
    tables: FoldTables,
    out: SeriesRecordBuilder,
    counts: FoldCounts,
  ) {
    this.#head = head;
    this.#tables = tables;
    this.#out = out;
    this.#counts = counts;
  }

  fold(record: DataRecord, offset: number): void {
    const { partitionTimeUs } = this.#head;
    if (!this.#tables.receivers.note(record, partitionTimeUs)) {
      this.#counts.appendedAgain += record.values.length;
      return;
    }
    this.#begin(record, offset);
    const ledger = this.#tables.ledger.of(record.tenant);
    this.#ledger = ledger;
    ledger.accepted += record.values.length;
    const part = this.#judgePart(record, partitionTimeUs);
    const turns = new SideTurns(record);
    let ordinal = 0;
    let refused = 0;
    for (let i = 0; i < record.values.length; i += 1) {
      while (record.refused[refused] === ordinal) {
        refused += 1;
        ordinal += 1;
      }
      turns.next(i);
      if (part.seenBefore && !part.retried?.includes(ordinal)) ledger.duplicate += 1;
      else this.#sample(i, turns);
      ordinal += 1;
    }
    if (!part.seenBefore) this.#beside(record);
  }

  #begin(record: DataRecord, offset: number): void {
    this.#record = record;
    this.#definitions = new DefinitionReader(record.definitions);
    this.#keys = lanesOf(record.fingerprints);
    this.#series = [];
    this.#at.offset = offset;
    this.#at.logNumber = this.#head.logNumber;
    this.#at.partitionTimeUs = this.#head.partitionTimeUs;
  }

  /** Recognises a part that was seen before; remembers one that was not. */
  #judgePart(record: DataRecord, partitionTimeUs: number): PartVerdict {
    if (record.identityKind === IdentityKind.none) return { seenBefore: false, retried: undefined };
    const { identities } = this.#tables;
    const key = partKey(record.identity, record.part);
    const known = identities.find(key, 0);
    if (known < 0) {
      identities.add(key, 0, partitionTimeUs, record.refused);
      return { seenBefore: false, retried: undefined };
    }
    const retried = identities.refusedOf(known);
    if (retried !== undefined) {
      identities.setRefused(
        known,
        retried.filter((ordinal) => record.refused.includes(ordinal)),
      );
    }
    return { seenBefore: true, retried };
  }

  /** Dedupes one sample, puts it out, folds it. */
  #sample(i: number, turns: SideTurns): void {
    const record = this.#record;
    const ledger = this.#ledger;
    const series = this.#seriesOf(record.seriesIndex[i]!);
    const flags = record.flags[i]!;
    let timeUs = record.times[i]!;
    if (timeUs > this.#head.largestTimeUs) this.#head.largestTimeUs = timeUs;
    let verdict: Verdict;
    if (series.slot < 0) verdict = this.#judgeEvent(series, i, turns);
    else {
      if ((flags & SampleFlag.untimed) !== 0) {
        timeUs = this.#tables.dedupe.freeTime(series.slot, timeUs);
      }
      verdict = this.#judgeTimed(series, i, timeUs, turns);
    }
    switch (verdict) {
      case Verdict.duplicate:
        ledger.duplicate += 1;
        break;
      case Verdict.conflict:
        ledger.conflict += 1;
        break;
      case Verdict.unverified:
        ledger.unverified += 1;
        this.#putOutUnverified(series, i, timeUs, turns);
        break;
      case Verdict.fresh:
        this.#putOut(series, i, timeUs, turns);
        break;
    }
  }

  #judgeTimed(series: RecordSeries, i: number, timeUs: number, turns: SideTurns): Verdict {
    const { dedupe, series: memory } = this.#tables;
    const flags = this.#record.flags[i]!;
    const stale = (flags & SampleFlag.stale) !== 0;
    const value =
      (flags & SampleFlag.histogram) === 0
        ? this.#record.values[i]!
        : histogramBits(turns.histogram);
    memory.touch(series.slot, this.#head.partitionTimeUs);
    const verdict = dedupe.decide(series.slot, timeUs, value, stale);
    // An arrival without a time of its own is one of its own: only its request can be repeated.
    if (verdict === Verdict.unverified && (flags & SampleFlag.untimed) !== 0) {
      dedupe.neighbours.inGap = true;
      return Verdict.fresh;
    }
    return verdict;
  }

  #judgeEvent(series: RecordSeries, i: number, turns: SideTurns): Verdict {
    const record = this.#record;
    const { identities, settings } = this.#tables;
    const flags = record.flags[i]!;
    const hasId = (flags & SampleFlag.id) !== 0;
    if (hasId) {
      const key = eventKey(series.fingerprint, turns.id);
      if (identities.find(key, 0) >= 0) return Verdict.duplicate;
      identities.add(key, 0, this.#head.partitionTimeUs);
    } else if (record.identityKind === IdentityKind.none) return Verdict.fresh;
    if ((flags & SampleFlag.untimed) !== 0) return Verdict.fresh;
    // It may have come when its time was still ahead by the allowed skew, and be forgotten.
    const canBeForgotten = record.times[i]! - settings.futureSkewUs <= identities.floorUs;
    return canBeForgotten ? Verdict.unverified : Verdict.fresh;
  }

  #putOut(series: RecordSeries, i: number, timeUs: number, turns: SideTurns): void {
    const flags = this.#record.flags[i]!;
    const stale = (flags & SampleFlag.stale) !== 0;
    const { placement } = series;
    this.#define(series);
    // A stale marker is no value: without its raw series nothing is left of it.
    if (placement.keepRaw || !stale) this.#ledger.stored += 1;
    else this.#ledger.dropped += 1;
    if (placement.keepRaw) this.#raw(series, i, timeUs, flags & SampleFlag.stale, turns);
    if (!stale) this.#fold(series, i, timeUs, turns);
  }

  #raw(series: RecordSeries, i: number, timeUs: number, flags: number, turns: SideTurns): void {
    const { fingerprint } = series;
    if ((this.#record.flags[i]! & SampleFlag.histogram) === 0) {
      this.#out.sample(fingerprint, 0, timeUs, this.#record.values[i]!, flags);
    } else {
      const { histogram } = turns;
      this.#out.entry(EntryType.histogram, { fingerprint, timeUs, flags, histogram });
    }
  }

  /** Below the floor: kept marked where raw is kept, beside otherwise; windows are marked. */
  #putOutUnverified(series: RecordSeries, i: number, timeUs: number, turns: SideTurns): void {
    const record = this.#record;
    const flags = (record.flags[i]! & SampleFlag.stale) | SampleFlag.unverified;
    this.#define(series);
    if (series.placement.keepRaw) this.#raw(series, i, timeUs, flags, turns);
    else {
      this.#out.entry(EntryType.unverified, {
        tenant: record.tenant,
        fingerprint: series.fingerprint,
        timeUs,
        value: record.values[i]!,
        flags,
        receivedAtUs: record.receivedAtUs,
      });
    }
    for (const target of series.placement.targets) {
      this.#tables.windows.mark(target, timeUs, this.#at);
    }
  }

  #fold(series: RecordSeries, i: number, timeUs: number, turns: SideTurns): void {
    const { windows, settings } = this.#tables;
    const value = this.#record.values[i]!;
    const isHistogram = (this.#record.flags[i]! & SampleFlag.histogram) !== 0;
    let isLate = false;
    for (const target of series.placement.targets) {
      if (isHistogram) windows.count(target, timeUs, this.#at);
      else windows.fold(target, timeUs, value, series.fingerprint, this.#at);
      const widthUs = target.plan.widthsUs[0]!;
      const endUs = (Math.floor(timeUs / widthUs) + 1) * widthUs;
      isLate ||= endUs <= this.#head.partitionTimeUs - settings.latenessUs;
    }
    if (isLate) this.#counts.late += 1;
    if (!isHistogram) this.#increase(series, i, timeUs, value, turns);
  }

  /** An increase belongs to the window of its later sample; one between two samples is split. */
  #increase(
    series: RecordSeries,
    i: number,
    timeUs: number,
    value: number,
    turns: SideTurns,
  ): void {
    const { windows, dedupe, series: memory } = this.#tables;
    const { targets } = series.placement;
    if (series.kind === SampleKind.delta) {
      for (const target of targets) windows.increase(target, timeUs, value, this.#at);
      return;
    }
    if (series.kind !== SampleKind.cumulative && series.kind !== SampleKind.unknown) return;
    const { neighbours } = dedupe;
    if (neighbours.inGap) {
      for (const target of targets) windows.mark(target, timeUs, this.#at);
      return;
    }
    const starts = memory.start.data;
    const hasStart = (this.#record.flags[i]! & SampleFlag.start) !== 0;
    if (hasStart && turns.startUs > starts[series.slot]!) starts[series.slot] = turns.startUs;
    const startUs = starts[series.slot]!;
    const { previousTimeUs, previousValue, nextTimeUs, nextValue } = neighbours;
    const own = increaseBetween(previousTimeUs, previousValue, timeUs, value, startUs);
    for (const target of targets) windows.increase(target, timeUs, own, this.#at);
    if (nextTimeUs !== nextTimeUs) return;
    const before = increaseBetween(previousTimeUs, previousValue, nextTimeUs, nextValue, startUs);
    const after = increaseBetween(timeUs, value, nextTimeUs, nextValue, startUs);
    for (const target of targets) {
      windows.increase(target, nextTimeUs, after - before, this.#at);
    }
  }

  /** Definitions of a series and of what it is aggregated into, on first sight and daily. */
  #define(series: RecordSeries): void {
    if (series.isDefined) return;
    series.isDefined = true;
    const { placement, fingerprint, index, kind } = series;
    if (placement.keepRaw) {
      const labels = (): LabelSet => this.#definitions.labels(index);
      this.#defineOne(this.#keys, 4 * index, fingerprint, kind, labels);
    }
    for (const target of placement.targets) {
      // Inputs of several kinds may meet in one output series: it has none of them.
      const outputKind = target.sameSeries ? kind : SampleKind.unknown;
      this.#defineOne(target.keys, 0, target.fingerprint, outputKind, () => target.labels);
    }
  }

  #defineOne(
    keys: Uint32Array,
    at: number,
    fingerprint: Uint8Array,
    kind: SampleKind,
    labels: () => LabelSet,
  ): void {
    const { partitionTimeUs } = this.#head;
    if (!this.#tables.definitions.isDue(keys, at, kind, partitionTimeUs)) return;
    this.#out.entry(EntryType.definition, {
      fingerprint,
      tenant: this.#record.tenant,
      labels: labels().map(([name, value]) => [name, value]),
      kind,
      seenUs: partitionTimeUs,
    });
  }

  #seriesOf(s: number): RecordSeries {
    const known = this.#series[s];
    if (known !== undefined) return known;
    const record = this.#record;
    const kind = record.kinds[s]! as SampleKind;
    const fingerprint = record.fingerprints.slice(16 * s, 16 * s + 16);
    const slot = kind === SampleKind.event ? -1 : this.#slotOf(s);
    const placement = this.#tables.placements.of(slot, record.tenant, fingerprint, () =>
      this.#definitions.labels(s),
    );
    const series = { index: s, slot, kind, fingerprint, placement, isDefined: false };
    this.#series[s] = series;
    return series;
  }

  #slotOf(s: number): number {
    const { series } = this.#tables;
    const keys = this.#keys;
    const k = 4 * s;
    const slot = series.index.find(keys[k]!, keys[k + 1]!, keys[k + 2]!, keys[k + 3]!);
    if (slot >= 0) return slot;
    const created = series.create(keys, k, this.#head.partitionFloorUs);
    series.touch(created, this.#head.partitionTimeUs);
    return created;
  }

  /** Exemplars and metadata pass by: they are no samples, and fold into nothing. */
  #beside(record: DataRecord): void {
    for (const { seriesIndex, timeUs, value, labels } of record.exemplars) {
      const { fingerprint, placement } = this.#seriesOf(seriesIndex);
      if (placement.keepRaw) {
        this.#out.entry(EntryType.exemplar, { fingerprint, timeUs, value, labels });
      }
    }
    for (const metadata of record.metadata) {
      if (this.#tables.metadata.isNews(record.tenant, metadata)) {
        this.#out.entry(EntryType.metadata, { tenant: record.tenant, ...metadata });
      }
    }
  }
}

/** Walks the side columns beside the samples. */
class SideTurns {
  readonly #record: DataRecord;
  #ids = 0;
  #starts = 0;
  #histograms = 0;

  constructor(record: DataRecord) {
    this.#record = record;
  }

  /** Moves on to sample `i`; the samples come in turn. */
  next(i: number): void {
    const flags = this.#record.flags[i]!;
    if ((flags & SampleFlag.id) !== 0) this.#ids += 1;
    if ((flags & SampleFlag.start) !== 0) this.#starts += 1;
    if ((flags & SampleFlag.histogram) !== 0) this.#histograms += 1;
  }

  get id(): string {
    return this.#record.ids[this.#ids - 1] ?? '';
  }

  get startUs(): number {
    return this.#record.startTimes[this.#starts - 1] ?? -Infinity;
  }

  get histogram(): Uint8Array {
    return this.#record.histograms[this.#histograms - 1] ?? new Uint8Array(0);
  }
}
