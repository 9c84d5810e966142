import { SampleKind } from '@millrace/model';
import { DefinitionReader, type DataRecord } from '@millrace/wire';
import type { RecordList } from '../record-list.ts';
import type { SampleTable } from '../sample-table.ts';
import { Kept, SeriesBit, type SeriesTable } from '../series-table.ts';
import { KnownLabels } from './known-labels.ts';
import type { RulesInForce } from './rules-in-force.ts';

/** What is collected over all partitions. */
export interface LogTables {
  series: SeriesTable;
  samples: SampleTable;
  records: RecordList;
  /** By the numbers that series have of them. */
  tenants: string[];
}

export interface CountScope {
  /** Samples with times in [fromUs, untilUs) are looked at. */
  fromUs: number;
  untilUs: number;
  slices: number;
  slice: number;
}

/** Whether the log says what the labels of a series are: then the fold knew it, or did not. */
export const Labelled = {
  yes: 0,
  /** No record does: its samples are dead letters. */
  no: 1,
  /** One does that is so old that they may be forgotten, or one may that is not held any more. */
  perhaps: 2,
} as const;
export type Labelled = (typeof Labelled)[keyof typeof Labelled];

/** Labels are kept for an hour at least after they were defined. */
const LABELS_KEPT_US_MIN = 3_600_000_000;
/** And so many bytes of them for each series that may be defined. */
const LABEL_BYTES_MAX = 512;
/** How far a part of the series may differ from an equal one, and the bound from being reached. */
const OVERFLOW_SHARE = 0.75;

/** The series of one record after the other, as numbers in the table of all series. */
export class RecordSlots {
  readonly #at: Readonly<{ partition: number; isCut: boolean }>;
  readonly #tables: LogTables;
  readonly #scope: CountScope;
  readonly #labels = new KnownLabels();
  #reader!: DefinitionReader;
  /** By number in the record; -1 for those of another slice. */
  of: Int32Array = new Int32Array(256);
  /** A `Labelled` for each, also of other slices where they are events. */
  labelled: Uint8Array = new Uint8Array(256);
  /** Samples came of which the labels may lie in records that are not held any more. */
  hasPerhaps = false;
  /** Samples came of which the labels lie in records, and may have been forgotten since. */
  hasForgettable = false;

  /** `isCut`: records of before are not held any more. */
  constructor(
    at: Readonly<{ partition: number; isCut: boolean }>,
    tables: LogTables,
    scope: CountScope,
  ) {
    this.#at = at;
    this.#tables = tables;
    this.#scope = scope;
  }

  /** Finds or adds every series of a record, and asks the rules about those they do not know. */
  find(data: DataRecord, record: number, rules: RulesInForce, partitionTimeUs: number): void {
    const { slices, slice } = this.#scope;
    const { fingerprints, kinds } = data;
    const tenant = this.#tenantOf(data.tenant);
    if (this.of.length < kinds.length) {
      this.of = new Int32Array(2 * kinds.length);
      this.labelled = new Uint8Array(2 * kinds.length);
    }
    const view = new DataView(fingerprints.buffer, fingerprints.byteOffset, fingerprints.length);
    this.#reader = new DefinitionReader(data.definitions);
    for (let place = 0; place < kinds.length; place += 1) {
      const isEvent = kinds[place] === SampleKind.event;
      const isDefined = this.#reader.row(place) >= 0;
      this.labelled[place] = isEvent && !isDefined ? Labelled.no : Labelled.yes;
      const idHigh = view.getUint32(16 * place);
      const idLow = view.getUint32(16 * place + 4);
      if (slices > 1 && idLow % slices !== slice) {
        this.of[place] = -1;
        continue;
      }
      const { partition } = this.#at;
      const { series } = this.#tables;
      let slot = series.find(idHigh, idLow);
      if (slot < 0) slot = series.add(idHigh, idLow, { partition, record, tenant });
      this.of[place] = slot;
      series.bits[slot]! |= isEvent ? SeriesBit.events : SeriesBit.timed;
      if (!isEvent && isDefined) {
        this.#labels.note(slot, partitionTimeUs, {
          labels: () => this.#reader.definedLabels(place),
          bytes: () => this.#reader.labelBytes(place),
        });
      } else if (!isEvent) {
        this.labelled[place] = this.#labelledOf(slot, rules, partitionTimeUs);
      }
      this.#ask(slot, place, rules);
    }
  }

  #labelledOf(slot: number, rules: RulesInForce, partitionTimeUs: number): Labelled {
    const definedUs = this.#labels.definedUs(slot);
    if (Number.isNaN(definedUs)) {
      if (!this.#at.isCut) return Labelled.no;
      // One of before did; what follows from them is not known where rules ask for them.
      if (rules.keepsAll) return Labelled.yes;
      this.hasPerhaps = true;
      return Labelled.perhaps;
    }
    const { seriesIdleUs = 0, labelSetsMax = 0 } = rules.settings ?? {};
    const isOld = partitionTimeUs - definedUs > Math.max(seriesIdleUs, LABELS_KEPT_US_MIN);
    const { size, bytes } = this.#labels;
    const most = (OVERFLOW_SHARE * labelSetsMax) / this.#scope.slices;
    if (!isOld && size <= most && bytes <= LABEL_BYTES_MAX * most) return Labelled.yes;
    this.hasForgettable = true;
    return Labelled.perhaps;
  }

  #ask(slot: number, place: number, rules: RulesInForce): void {
    const { series } = this.#tables;
    if (series.askedOf[slot] === rules.generation) return;
    const labels = this.#reader.labels(place) ?? this.#labels.labels(slot);
    if (labels === undefined && !rules.keepsAll) return;
    const kept = rules.kept(labels ?? []);
    series.kept[slot] = kept;
    if (kept === Kept.away) series.bits[slot]! |= SeriesBit.away;
    series.askedOf[slot] = rules.generation;
  }

  #tenantOf(tenant: string): number {
    const { tenants } = this.#tables;
    const known = tenants.indexOf(tenant);
    return known < 0 ? tenants.push(tenant) - 1 : known;
  }
}
