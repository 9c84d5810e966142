import { SampleFlag, type LedgerTotals } from '@millrace/model';
import {
  EntryType,
  IdentityKind,
  REDRIVE_PROTOCOL,
  tellsReasons,
  type DataRecord,
  type SeriesRecordBuilder,
} from '@millrace/wire';
import { countDropped, countLost } from '../memory/ledger-memory.ts';
import type { Loss } from '../memory/loss-memory.ts';
import type { CurrentSample } from './current-sample.ts';
import { Verdict } from './dedupe.ts';
import { eventKey, histogramBits, partKey } from './identity-keys.ts';
import { IncreaseFold } from './increase-fold.ts';
import type { FoldTables, PartitionHead } from './partition-state.ts';
import { RecordSeries } from './record-series.ts';
import { BesideFold } from './beside-fold.ts';
import { QuickFold } from './quick-fold.ts';
import { SeriesDefiner } from './series-definer.ts';
import { SideColumns } from './side-columns.ts';
import type { SeriesPlacement } from './series-placement.ts';
import type { FoldMoment } from './window-fold.ts';

/** What the fold counts for the stage's own metrics; nothing depends on it. */
export interface FoldCounts {
  /** Samples folded into windows the watermark had passed. */
  late: number;
  /** Samples folded together with others of their series. */
  together: number;
  /** Samples of records that the log holds twice. */
  appendedAgain: number;
  /** Pieces closed early because of their bound. */
  overflowedPieces: number;
  /** Series forgotten before their time because of their bound. */
  overflowedSeries: number;
  /** Label sets forgotten before their time because of their bound. */
  overflowedLabels: number;
  overflowedLabelsByBytes: number;
  /** Barriers that changed nothing: repeated, older, or ahead of what they follow. */
  ignoredBarriers: number;
  /** Retired editions that were ended before their time because of their bound. */
  overflowedEditions: number;
}

/** How a whole part stands before its samples are looked at. */
export interface PartVerdict {
  /** Every sample outside `retried` was folded when the part was first seen. */
  seenBefore: boolean;
  /** Ordinals that were refused the first time, ascending. */
  retried: Uint32Array;
}

/** The only reason for which the fold itself puts out dead letters. */
export const SERIES_UNDEFINED = 'series_undefined';
const SERIES_UNDEFINED_DETAIL =
  'Neither its record nor any before it says which labels its series has: a record is lost.';
/** Losses that wait to be told: more of them at once say no more than these. */
const LOSSES_MAX = 64;
const NO_ORDINALS = new Uint32Array(0);
const NO_MOMENT = {
  ...{ offset: 0, logNumber: 0, partitionTimeUs: 0 },
  ...{ keys: NO_ORDINALS, keyBytes: new Uint8Array(0), key: 0, row: 0 },
};
const FIRST_SEEN: PartVerdict = { seenBefore: false, retried: NO_ORDINALS };

/** Folds data records: dedupe, place, fold. */
export class DataFold {
  readonly #head: PartitionHead;
  readonly #tables: FoldTables;
  readonly #out: SeriesRecordBuilder;
  readonly #counts: FoldCounts;
  readonly #series: RecordSeries;
  readonly #definer: SeriesDefiner;
  readonly #increases: IncreaseFold;
  readonly #beside: BesideFold;
  readonly #quick: QuickFold;
  /** What the log was found to have lost, for the stage to tell; nothing depends on it. */
  readonly losses: Loss[] = [];
  readonly #at: FoldMoment;
  readonly #partKey = new Uint32Array(4);
  #sample: CurrentSample | undefined;
  #record!: DataRecord;
  #isRedriven = false;
  #side!: SideColumns;
  #ledger!: LedgerTotals;

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
    this.#series = new RecordSeries(head, tables);
    this.#quick = new QuickFold(head, tables, (from, to, placement) => {
      this.#putOutQuickly(from, to, placement);
    });
    this.#at = { ...NO_MOMENT, caches: tables.placements.timed };
    this.#definer = new SeriesDefiner(head, tables, out);
    this.#increases = new IncreaseFold(tables);
    const { windows } = tables;
    this.#beside = new BesideFold({ windows, series: this.#series, definer: this.#definer });
  }

  fold(record: DataRecord, offset: number): void {
    // Also of a record that is dropped: what a later one leaves out may have been said only there.
    this.#series.begin(record);
    const part = this.enter(record, offset);
    if (part !== undefined) this.#foldPart(record, part);
  }

  /** Counts a record and judges it as a whole; undefined: the log holds it twice. */
  enter(record: DataRecord, offset: number): PartVerdict | undefined {
    const samples = record.values.length;
    const { receivers } = this.#tables;
    const sentAtLeast = receivers.sentBy(record.receiver);
    if (!receivers.note(record, this.#head.partitionTimeUs)) {
      this.#counts.appendedAgain += samples;
      return undefined;
    }
    this.#begin(record, offset);
    this.#ledger.accepted += samples;
    if (this.#tellsReasons) this.#countLosses(record, offset, sentAtLeast);
    return this.#judgePart(record);
  }

  /** A record that was entered, of which a part was seen before. */
  foldAgain(record: DataRecord, part: PartVerdict): void {
    this.#series.begin(record);
    this.#foldPart(record, part);
  }

  /** Samples of the record that was entered last are folded in another way. */
  count(samples: number, { droppedBy }: SeriesPlacement): void {
    if (droppedBy !== undefined) countDropped(this.#ledger, droppedBy, samples);
    else this.#ledger.stored += samples;
  }

  /** Whether it is a dead letter that came again. */
  isRedriven({ protocol }: DataRecord): boolean {
    return this.#tellsReasons && protocol === REDRIVE_PROTOCOL;
  }

  #foldPart(record: DataRecord, part: PartVerdict): void {
    const { seenBefore } = part;
    if (!seenBefore && !this.#isRedriven && this.#quick.takes(record)) this.#foldQuickly(record);
    else this.#foldOneByOne(record, part);
    if (!seenBefore) this.#passBy(record);
  }

  /** What is unusual about a sample is dealt with as always; all between are folded the quick way. */
  #foldQuickly(record: DataRecord): void {
    const quick = this.#quick;
    const { length } = record.values;
    let i = 0;
    while (i < length) {
      i = quick.fold(record, i, this.#at);
      if (i === length) break;
      this.#foldSample(i);
      quick.follow(this.#series.slot(i));
      i += 1;
    }
    this.#counts.late += quick.late;
    quick.late = 0;
  }

  /** Samples [from, to) were folded the quick way. */
  #putOutQuickly(from: number, to: number, placement: SeriesPlacement): void {
    this.count(to - from, placement);
    if (placement.keepRaw) this.#out.samples(this.#series.keys, this.#record, from, to);
  }

  #foldOneByOne(record: DataRecord, { seenBefore, retried }: PartVerdict): void {
    const side = this.#side;
    const ledger = this.#ledger;
    let retry = 0;
    for (let i = 0; i < record.values.length; i += 1) {
      side.next(i);
      while (retried[retry]! < side.ordinal) retry += 1;
      if (seenBefore && retried[retry] !== side.ordinal) ledger.duplicate += 1;
      else this.#foldSample(i);
    }
  }

  #begin(record: DataRecord, offset: number): void {
    this.#record = record;
    this.#isRedriven = this.isRedriven(record);
    this.#side = new SideColumns(record);
    this.#ledger = this.#tables.ledger.of(record.tenant);
    this.#at.offset = offset;
    this.#at.logNumber = this.#head.logNumber;
    this.#at.partitionTimeUs = this.#head.partitionTimeUs;
    this.#at.keys = this.#series.keys;
    this.#at.keyBytes = this.#series.keyBytes;
  }

  get #tellsReasons(): boolean {
    return tellsReasons(this.#tables.barrier.foldVersion);
  }

  /** What the receiver knows to be durable lies before this record, or the log has lost it. */
  #countLosses(record: DataRecord, offset: number, sentAtLeast: number): void {
    const { losses, ledger } = this.#tables;
    const loss = losses.note(record, offset, sentAtLeast);
    if (loss === undefined) return;
    countLost(ledger.of(loss.tenant), loss.samples);
    if (this.losses.length < LOSSES_MAX) this.losses.push(loss);
  }

  /** Recognises a part that was seen before; remembers one that was not. */
  #judgePart(record: DataRecord): PartVerdict {
    if (record.identityKind === IdentityKind.none) return FIRST_SEEN;
    const { identities } = this.#tables;
    const key = partKey(record.identity, record.part, this.#partKey);
    const known = identities.find(key, 0);
    if (known < 0) {
      identities.add(key, 0, this.#head.partitionTimeUs, record.refused);
      return FIRST_SEEN;
    }
    const retried = identities.refusedOf(known);
    if (retried === undefined) return { seenBefore: true, retried: NO_ORDINALS };
    const refusedAgain = new Set(record.refused);
    const left = retried.filter((ordinal) => refusedAgain.has(ordinal));
    identities.setRefused(known, left);
    return { seenBefore: true, retried };
  }

  /** Dedupes one sample, puts it out, folds it. */
  #foldSample(i: number): void {
    const placement = this.#series.placement(this.#record.seriesIndex[i]!);
    if (placement === undefined) {
      this.#putOutUndefined(i);
      return;
    }
    const sample = this.#currentSample(i, placement);
    if (sample.timeUs > this.#head.largestTimeUs) this.#head.largestTimeUs = sample.timeUs;
    if (this.#isRedriven) {
      this.#putOutAgain(sample);
      return;
    }
    const verdict = sample.slot < 0 ? this.#judgeEvent(sample) : this.#judgeTimed(sample);
    switch (verdict) {
      case Verdict.duplicate:
        this.#ledger.duplicate += 1;
        break;
      case Verdict.conflict:
        this.#ledger.conflict += 1;
        break;
      case Verdict.unverified:
        this.#putOutUnverified(sample);
        this.#markWindows(sample);
        break;
      case Verdict.fresh:
        this.#putOut(sample);
        break;
    }
  }

  #currentSample(i: number, placement: SeriesPlacement): CurrentSample {
    const record = this.#record;
    const series = this.#series;
    const s = record.seriesIndex[i]!;
    const slot = series.slot(s);
    const kind = series.kind(s);
    const timeUs = record.times[i]!;
    const value = record.values[i]!;
    const flags = record.flags[i]!;
    this.#at.key = 4 * s;
    this.#at.row = series.row(s);
    this.#at.caches = series.caches(s);
    const sample = this.#sample;
    if (sample === undefined) {
      return (this.#sample = { i, s, kind, slot, placement, timeUs, value, flags });
    }
    sample.i = i;
    sample.s = s;
    sample.kind = kind;
    sample.slot = slot;
    sample.placement = placement;
    sample.timeUs = timeUs;
    sample.value = value;
    sample.flags = flags;
    return sample;
  }

  /** By series and time. A sample without a time of its own gets the next one that is free. */
  #judgeTimed(sample: CurrentSample): Verdict {
    const { dedupe, series } = this.#tables;
    const { slot, flags } = sample;
    const isUntimed = (flags & SampleFlag.untimed) !== 0;
    if (isUntimed) sample.timeUs = dedupe.freeTime(slot, sample.timeUs);
    const isHistogram = (flags & SampleFlag.histogram) !== 0;
    const isValueless = isHistogram || (flags & SampleFlag.stale) !== 0;
    const value = isHistogram ? histogramBits(this.#side.histogram) : sample.value;
    series.touch(slot, this.#head.partitionTimeUs);
    const verdict = dedupe.decide(slot, sample.timeUs, value, isValueless);
    // An arrival without a time of its own is one of its own: only its request can be repeated.
    if (verdict === Verdict.unverified && isUntimed) {
      dedupe.neighbours.inGap = true;
      return Verdict.fresh;
    }
    return verdict;
  }

  /** By id, or by the request alone. */
  #judgeEvent({ i, s, flags }: CurrentSample): Verdict {
    const { identities } = this.#tables;
    if ((flags & SampleFlag.id) !== 0) {
      const key = eventKey(this.#series.fingerprint(s), this.#side.id);
      if (identities.find(key, 0) >= 0) return Verdict.duplicate;
      identities.add(key, 0, this.#head.partitionTimeUs);
    } else if (this.#record.identityKind === IdentityKind.none) return Verdict.fresh;
    if ((flags & SampleFlag.untimed) !== 0) return Verdict.fresh;
    // It may have come when its time was still ahead by the allowed skew, and be forgotten.
    const canBeForgotten = this.#record.times[i]! - this.#head.skewMaxUs <= identities.floorUs;
    return canBeForgotten ? Verdict.unverified : Verdict.fresh;
  }

  #putOut(sample: CurrentSample): void {
    const { keepRaw, rawDroppedBy, droppedBy } = sample.placement;
    const stale = sample.flags & SampleFlag.stale;
    this.#define(sample);
    // What is dropped has no targets; late samples still complete editions of before.
    if (droppedBy !== undefined) countDropped(this.#ledger, droppedBy);
    // A stale marker is no value: without its raw series nothing is left of it.
    else if (keepRaw || stale === 0) this.#ledger.stored += 1;
    else if (this.#tellsReasons) countDropped(this.#ledger, rawDroppedBy!);
    else this.#ledger.dropped += 1;
    if (keepRaw) this.#putOutRaw(sample, stale);
    if (stale === 0) this.#foldIntoWindows(sample);
  }

  /**
   * A dead letter that came again. Its windows have it already, and it is remembered: the store
   * takes it unless it has it. Of events there may be two at one time, and the request is known.
   */
  #putOutAgain(sample: CurrentSample): void {
    if (sample.slot >= 0 || !sample.placement.keepRaw) {
      this.#putOutUnverified(sample);
      return;
    }
    this.#define(sample);
    this.#ledger.stored += 1;
    this.#putOutRaw(sample, sample.flags & SampleFlag.stale);
  }

  /** The record that defined its series is gone: nobody can say what the sample is of. */
  #putOutUndefined(i: number): void {
    const { tenant, receivedAtUs, seriesIndex, times, values } = this.#record;
    const fingerprint = this.#series.fingerprint(seriesIndex[i]!);
    const [timeUs, value] = [times[i]!, values[i]!];
    this.#ledger.deadLetter += 1;
    const told = { reason: SERIES_UNDEFINED, detail: SERIES_UNDEFINED_DETAIL };
    const entry = { tenant, ...told, fingerprint, timeUs, value, receivedAtUs };
    this.#out.entry(EntryType.deadLetter, entry);
  }

  #putOutRaw(sample: CurrentSample, flags: number): void {
    const { timeUs, value } = sample;
    if ((sample.flags & SampleFlag.histogram) === 0) {
      this.#out.sample(this.#series.keys, 4 * sample.s, timeUs, value, flags);
      return;
    }
    const fingerprint = this.#series.fingerprint(sample.s);
    // A copy: the record's memory is used again before the entry is written.
    const histogram = this.#side.histogram.slice();
    this.#out.entry(EntryType.histogram, { fingerprint, timeUs, flags, histogram });
  }

  /** Below the floor: kept marked where raw is kept, beside otherwise. */
  #putOutUnverified(sample: CurrentSample): void {
    const { timeUs, value, placement } = sample;
    const flags = (sample.flags & SampleFlag.stale) | SampleFlag.unverified;
    this.#define(sample);
    if (placement.droppedBy !== undefined) {
      countDropped(this.#ledger, placement.droppedBy);
      return;
    }
    this.#ledger.unverified += 1;
    if (placement.keepRaw) this.#putOutRaw(sample, flags);
    else {
      const { tenant, receivedAtUs } = this.#record;
      const fingerprint = this.#series.fingerprint(sample.s);
      const entry = { tenant, fingerprint, timeUs, value, flags, receivedAtUs };
      this.#out.entry(EntryType.unverified, entry);
    }
  }

  /** Something that belongs there cannot be folded exactly. */
  #markWindows(sample: CurrentSample): void {
    const { timeUs, placement } = sample;
    const { windows } = this.#tables;
    for (const target of placement.targets) windows.mark(target, timeUs, this.#at);
    if (placement.beside.length > 0) this.#beside.mark(this.#record.tenant, sample, this.#at);
  }

  #foldIntoWindows(sample: CurrentSample): void {
    const { windows } = this.#tables;
    const { timeUs, value, flags, placement } = sample;
    const { targets, beside } = placement;
    const isHistogram = (flags & SampleFlag.histogram) !== 0;
    if ((flags & SampleFlag.start) !== 0 && !isHistogram) {
      this.#increases.noteStart(sample, this.#side.startUs);
    }
    const wantsIncrease = placement.wantsIncrease && !isHistogram;
    const increase = wantsIncrease ? this.#increases.of(sample) : 0;
    for (const target of targets) {
      if (isHistogram) windows.count(target, timeUs, this.#at);
      else windows.fold(target, timeUs, value, increase, this.#at);
    }
    if (beside.length > 0) this.#beside.fold(this.#record.tenant, sample, increase, this.#at);
    if (wantsIncrease) this.#increases.mend(sample, this.#at);
    const { watermarkUs } = this.#head;
    if (timeUs >= watermarkUs) return;
    for (const { plan } of targets) {
      const widthUs = plan.widthsUs[0]!;
      if ((Math.floor(timeUs / widthUs) + 1) * widthUs > watermarkUs) continue;
      this.#counts.late += 1;
      return;
    }
  }

  /** Definitions of a series and of what it is aggregated into, once for each record. */
  #define({ s }: CurrentSample): void {
    if (!this.#series.isFirst(s)) return;
    this.#definer.define(this.#record.tenant, this.#series, s);
  }

  /** Exemplars and metadata pass by: they are no samples, and fold into nothing. */
  #passBy(record: DataRecord): void {
    for (const { seriesIndex, timeUs, value, labels } of record.exemplars) {
      const placement = this.#series.placement(seriesIndex);
      if (placement?.keepRaw !== true) continue;
      const fingerprint = this.#series.fingerprint(seriesIndex);
      this.#out.entry(EntryType.exemplar, { fingerprint, timeUs, value, labels });
    }
    for (const metadata of record.metadata) {
      if (this.#tables.metadata.isNews(record.tenant, metadata)) {
        this.#out.entry(EntryType.metadata, { tenant: record.tenant, ...metadata });
      }
    }
  }
}
