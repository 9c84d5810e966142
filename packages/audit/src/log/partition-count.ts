import { SampleFlag, SampleKind, sameValue } from '@millrace/model';
import {
  EventsRecordKind,
  IdentityKind,
  REDRIVE_PROTOCOL,
  tellsReasons,
  type DataRecord,
  type EventsRecord,
} from '@millrace/wire';
import { EntryKind } from '../sample-table.ts';
import { Kept, SeriesBit } from '../series-table.ts';
import { ReceiverCounts } from './receiver-counts.ts';
import { Labelled, RecordSlots, type CountScope, type LogTables } from './record-slots.ts';
import { RememberedIdentities, type RememberedPart } from './remembered-identities.ts';
import { RulesInForce } from './rules-in-force.ts';
import { histogramNumber, SideValues } from './side-values.ts';
import { Fate, Tally } from './tally.ts';

/** A sample while it is counted. One object, filled again for each. */
interface Current {
  series: number;
  kind: SampleKind;
  flags: number;
  timeUs: number;
  value: number;
  isStale: boolean;
  isHistogram: boolean;
  isRaw: boolean;
  isDropped: boolean;
  /** Nobody can tell whether its labels were known. */
  isUncertain: boolean;
}

const NOTHING_REFUSED: RememberedPart = { refused: [] };

/**
 * What the log of one partition says must be stored, read record by record: a way of its own,
 * beside the transformer's. It knows the whole history and not just what a bounded memory holds:
 * a series has one row for each time it ever had, with the value that came first.
 */
export class PartitionCount {
  readonly #partition: number;
  readonly #tables: LogTables;
  readonly #scope: CountScope;
  readonly #tallies = new Map<string, Tally>();
  readonly #identities = new RememberedIdentities();
  readonly receivers: ReceiverCounts;
  readonly rules: RulesInForce = new RulesInForce();
  readonly #current: Current = {
    ...{ series: 0, kind: SampleKind.gauge, flags: 0, timeUs: 0, value: 0 },
    ...{ isStale: false, isHistogram: false, isRaw: true, isDropped: false },
    isUncertain: false,
  };
  #partitionTimeUs = 0;
  /** Of the record at hand. */
  #tally!: Tally;
  #record!: DataRecord;
  #number = 0;
  #isRedriven = false;
  readonly #slots: RecordSlots;
  /** Rows of the record at hand may be stored; those of others must. */
  #isEdge = false;
  records = 0;
  appendedAgain = 0;
  logId: string | undefined;

  /** `start`: the first offset that the log still holds. */
  constructor(partition: number, start: number, tables: LogTables, scope: CountScope) {
    this.#partition = partition;
    this.receivers = new ReceiverCounts(start);
    this.#slots = new RecordSlots({ partition, isCut: start > 0 }, tables, scope);
    this.#tables = tables;
    this.#scope = scope;
  }

  /** Samples came whose labels may lie in records that are not held any more. */
  get hasUnlabelled(): boolean {
    return this.#slots.hasPerhaps;
  }

  /** Samples came whose labels may have been forgotten. */
  get hasForgettable(): boolean {
    return this.#slots.hasForgettable;
  }

  /** By tenant, of the records so far. */
  tallies(): Map<string, Tally> {
    return new Map([...this.#tallies].map(([tenant, tally]) => [tenant, tally.copy()]));
  }

  /** `isEdge`: the store may have applied a part of what the record puts out. */
  count(
    record: EventsRecord,
    at: Readonly<{ offset: number; appendTimeUs: number }>,
    isEdge: boolean,
  ): void {
    this.records += 1;
    this.#isEdge = isEdge;
    const { rules } = this;
    if ('receivedAtUs' in record) {
      const capUs = record.receivedAtUs + (rules.settings?.appendCapUs ?? 0);
      this.#partitionTimeUs = Math.max(this.#partitionTimeUs, Math.min(at.appendTimeUs, capUs));
    }
    this.#forget();
    const horizonUs = rules.settings?.identityHorizonUs ?? Infinity;
    this.receivers.forget(this.#partitionTimeUs - horizonUs);
    if (record.kind === EventsRecordKind.log) this.logId ??= record.logId;
    if (record.kind === EventsRecordKind.barrier) rules.take(record);
    if (record.kind !== EventsRecordKind.data) return;
    // Also of one that is appended again: it may be the only one that says its labels.
    this.#number = this.#tables.records.add(this.#partition, at.offset);
    this.#slots.find(record, this.#number, rules, this.#partitionTimeUs);
    if (!this.receivers.note(record, at.offset, this.#partitionTimeUs)) {
      this.appendedAgain += record.values.length;
      return;
    }
    this.#countData(record);
    this.#forget();
  }

  #forget(): void {
    const { settings } = this.rules;
    if (settings === undefined) return;
    const untilUs = this.#partitionTimeUs - settings.identityHorizonUs;
    this.#identities.forget({ untilUs, countMax: settings.identitiesMax });
  }

  #countData(record: DataRecord): void {
    this.#record = record;
    this.#tally = this.#tallyOf(record.tenant);
    // Before fold version 2 there was no way for dead letters to come again.
    const knowsLetters = tellsReasons(this.rules.foldVersion);
    this.#isRedriven = knowsLetters && record.protocol === REDRIVE_PROTOCOL;
    const seen = this.#findPart(record);
    const side = new SideValues(record);
    for (let i = 0; i < record.values.length; i += 1) {
      side.next(i);
      const isRepeated = seen !== undefined && !seen.refused.includes(side.ordinal);
      this.#countSample(i, side, isRepeated);
    }
  }

  #tallyOf(tenant: string): Tally {
    let tally = this.#tallies.get(tenant);
    if (tally === undefined) this.#tallies.set(tenant, (tally = new Tally()));
    return tally;
  }

  /** What is remembered of the part, when it is remembered; else it is from now on. */
  #findPart({ identityKind, identity, part, refused }: DataRecord): RememberedPart | undefined {
    if (identityKind === IdentityKind.none) return undefined;
    const key = `${Buffer.from(identity).toString('latin1')}/${part}`;
    const known = this.#identities.find(key);
    if (known === undefined) {
      this.#identities.add(key, this.#partitionTimeUs, [...refused]);
      return undefined;
    }
    if (known.refused.length === 0) return NOTHING_REFUSED;
    const before = { refused: known.refused };
    known.refused = known.refused.filter((ordinal) => refused.includes(ordinal));
    return before;
  }

  #countSample(i: number, side: SideValues, isRepeated: boolean): void {
    const record = this.#record;
    const place = record.seriesIndex[i]!;
    const slot = this.#slots.of[place]!;
    const kind = record.kinds[place]! as SampleKind;
    const labelled = this.#slots.labelled[place] as Labelled;
    // Ids are remembered whatever slice they are of: how many there are counts.
    const isKnownEvent =
      !isRepeated &&
      !this.#isRedriven &&
      labelled !== Labelled.no &&
      kind === SampleKind.event &&
      side.id !== '' &&
      this.#isKnownEvent(place, side);
    if (slot < 0) return;
    if (isRepeated || isKnownEvent) {
      this.#tally.count(Fate.duplicate);
      return;
    }
    if (labelled === Labelled.no) {
      this.#tally.count(Fate.deadLetter);
      return;
    }
    const flags = record.flags[i]!;
    const { series } = this.#tables;
    const current = this.#current;
    current.series = slot;
    current.kind = kind;
    current.flags = flags;
    current.timeUs = record.times[i]!;
    current.isStale = (flags & SampleFlag.stale) !== 0;
    current.isHistogram = side.histogram !== undefined;
    current.value =
      side.histogram === undefined ? record.values[i]! : histogramNumber(side.histogram);
    current.isUncertain = labelled === Labelled.perhaps;
    // What rules do with labels that nobody knows: it may have rows.
    current.isRaw = series.kept[slot] === Kept.raw || series.kept[slot] === Kept.unknown;
    current.isDropped = series.kept[slot] === Kept.dropped;
    if (current.isHistogram) series.bits[slot]! |= SeriesBit.histograms;
    const { fromUs, untilUs } = this.#scope;
    if (current.timeUs < fromUs || current.timeUs >= untilUs) this.#tally.count(Fate.any);
    else if (this.#isRedriven) this.#countRedriven(current);
    else if (kind === SampleKind.event) this.#countEvent(current, side.id !== '');
    else if ((flags & SampleFlag.untimed) !== 0) this.#countUntimed(current);
    else this.#countTimed(current);
  }

  /** Whether the event's id is remembered; it is from now on. */
  #isKnownEvent(place: number, side: SideValues): boolean {
    const { fingerprints } = this.#record;
    const series = Buffer.from(fingerprints.subarray(16 * place, 16 * place + 16));
    const key = `${series.toString('latin1')} ${side.id}`;
    if (this.#identities.find(key) !== undefined) return true;
    this.#identities.add(key, this.#partitionTimeUs);
    return false;
  }

  /** It was judged when it first came: of one with an identity in time the store knows whether. */
  #countRedriven(current: Current): void {
    const { samples } = this.#tables;
    if (current.kind === SampleKind.event && current.isRaw) {
      if (current.isStale) current.value = NaN;
      const kind = current.isHistogram ? EntryKind.eventHistogram : EntryKind.event;
      const entry = this.#entryOf(current, kind);
      this.#noteRedrive(entry);
      // What the store refused then is not there beside it.
      this.#expect(entry, samples.must[entry]! > 0);
      this.#tell(Fate.stored);
      return;
    }
    const known = samples.find(current.series, kindOf(current), current.timeUs, current.value);
    const entry = known < 0 ? this.#entryOf(current, kindOf(current)) : known;
    samples.setComeAgain(entry);
    this.#noteRedrive(entry);
    if (current.isRaw && samples.must[entry] === 0) this.#expect(entry, known >= 0);
    this.#tell(current.isDropped ? Fate.dropped : Fate.unverified);
  }

  /** Refused again, it has a letter of its own beside that of its first arrival. */
  #noteRedrive(entry: number): void {
    const { samples } = this.#tables;
    const { isRaw, isUncertain } = this.#current;
    if (!isRaw || isUncertain || this.#isEdge || samples.must[entry] === 0) return;
    samples.redrives.set(entry, (samples.redrives.get(entry) ?? 0) + 1);
  }

  /** An event that was not there before, unless it is so old that nobody can tell. */
  #countEvent(current: Current, hasId: boolean): void {
    const hasIdentity = hasId || this.#record.identityKind !== IdentityKind.none;
    const isUntimed = (current.flags & SampleFlag.untimed) !== 0;
    const { floorUs } = this.#identities;
    const isTooOld = current.timeUs - this.rules.skewMaxUs <= floorUs;
    const isUnverified = hasIdentity && !isUntimed && isTooOld;
    if (current.isRaw) {
      // A stale marker has no value, whatever came with it.
      if (current.isStale) current.value = NaN;
      const kind = current.isHistogram ? EntryKind.eventHistogram : EntryKind.event;
      this.#expect(this.#entryOf(current, kind), isUnverified);
    }
    if (isUnverified && !current.isDropped) this.#tell(Fate.unverified);
    else this.#tell(leavesNothing(current) ? Fate.dropped : Fate.stored);
  }

  /** One without a time of its own is always new; a time that is taken is not its. */
  #countUntimed(current: Current): void {
    const { samples, series } = this.#tables;
    const { timeUs } = current;
    while (this.#isTaken(current)) current.timeUs += 1;
    const entry = this.#entryOf(current, kindOf(current));
    samples.setUntimed(entry);
    if (current.timeUs !== timeUs) {
      samples.setMoved(entry);
      series.bits[current.series]! |= SeriesBit.moved;
    }
    if (current.isRaw) this.#expect(entry, false);
    this.#tell(leavesNothing(current) ? Fate.dropped : Fate.stored);
  }

  #isTaken({ series, timeUs, value }: Current): boolean {
    const { samples } = this.#tables;
    if (samples.find(series, EntryKind.sample, timeUs, value) >= 0) return true;
    const hasHistograms = (this.#tables.series.bits[series]! & SeriesBit.histograms) !== 0;
    return hasHistograms && samples.find(series, EntryKind.histogram, timeUs, value) >= 0;
  }

  /** One with an identity in time: the first one of its series and time is it. */
  #countTimed(current: Current): void {
    const { samples } = this.#tables;
    const kind = kindOf(current);
    const known = samples.find(current.series, kind, current.timeUs, current.value);
    if (known >= 0) {
      const isSame =
        sameValue(samples.values[known]!, current.value) &&
        (current.isHistogram || samples.isStale(known) === current.isStale);
      this.#tell(repeatedFate(current, isSame));
      // It was not kept raw when it came first; now it is stored if it cannot be told.
      if (current.isRaw && samples.must[known] === 0) samples.may[known] = 1;
      return;
    }
    const isTaken = this.#isTaken(current);
    const entry = this.#entryOf(current, kind);
    if (isTaken) {
      // A histogram where a value came first, or the other way round.
      if (current.isRaw) samples.may[entry] = 1;
      this.#tell(repeatedFate(current, false));
      return;
    }
    if (current.isRaw) this.#expect(entry, false);
    if (current.isDropped) this.#tell(Fate.dropped);
    else if (leavesNothing(current)) this.#tell(Fate.droppedOrUnverified);
    else this.#tell(Fate.storedOrUnverified);
  }

  #entryOf(current: Current, kind: EntryKind): number {
    const { samples } = this.#tables;
    const { series, timeUs, value, isStale } = current;
    const known = samples.find(series, kind, timeUs, value);
    if (known >= 0) return known;
    const stale = isStale;
    return samples.add({ series, kind, timeUs, value, stale, record: this.#number });
  }

  #tell(fate: Fate): void {
    this.#tally.count(this.#current.isUncertain ? Fate.anyOrDeadLetter : fate);
  }

  /** One more row: for sure, or perhaps. */
  #expect(entry: number, isUncertain: boolean): void {
    const { samples } = this.#tables;
    samples.count(
      isUncertain || this.#current.isUncertain || this.#isEdge ? samples.may : samples.must,
      entry,
    );
  }
}

function kindOf({ isHistogram }: Current): EntryKind {
  return isHistogram ? EntryKind.histogram : EntryKind.sample;
}

/** Whether it was still remembered decides between the two. */
function repeatedFate({ isDropped }: Current, isSame: boolean): Fate {
  if (isDropped) return isSame ? Fate.duplicateOrDropped : Fate.conflictOrDropped;
  return isSame ? Fate.duplicateOrUnverified : Fate.conflictOrUnverified;
}

/** Dropped, or a stale marker: that is no value, and without its raw series nothing is left. */
function leavesNothing({ isStale, isRaw, isDropped }: Current): boolean {
  return isDropped || (isStale && !isRaw);
}
