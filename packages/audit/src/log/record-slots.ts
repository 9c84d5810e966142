import { SampleKind } from '@millrace/model';
import { DefinitionReader, type DataRecord } from '@millrace/wire';
import type { RecordList } from '../record-list.ts';
import type { SampleTable } from '../sample-table.ts';
import { Kept, SeriesBit, type SeriesTable } from '../series-table.ts';
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

/** The series of one record after the other, as numbers in the table of all series. */
export class RecordSlots {
  readonly #partition: number;
  readonly #tables: LogTables;
  readonly #scope: CountScope;
  /** By number in the record; -1 for those of another slice. */
  of: Int32Array = new Int32Array(256);

  constructor(partition: number, tables: LogTables, scope: CountScope) {
    this.#partition = partition;
    this.#tables = tables;
    this.#scope = scope;
  }

  /** Finds or adds every series of a record, and asks the rules about those they do not know. */
  find(data: DataRecord, record: number, rules: RulesInForce): void {
    const { series } = this.#tables;
    const { slices, slice } = this.#scope;
    const { fingerprints, kinds } = data;
    const tenant = this.#tenantOf(data.tenant);
    if (this.of.length < kinds.length) this.of = new Int32Array(2 * kinds.length);
    const view = new DataView(fingerprints.buffer, fingerprints.byteOffset, fingerprints.length);
    let definitions: DefinitionReader | undefined;
    for (let place = 0; place < kinds.length; place += 1) {
      const idHigh = view.getUint32(16 * place);
      const idLow = view.getUint32(16 * place + 4);
      if (slices > 1 && idLow % slices !== slice) {
        this.of[place] = -1;
        continue;
      }
      let slot = series.find(idHigh, idLow);
      if (slot < 0)
        slot = series.add(idHigh, idLow, { partition: this.#partition, record, tenant });
      this.of[place] = slot;
      const isEvent = kinds[place] === SampleKind.event;
      series.bits[slot]! |= isEvent ? SeriesBit.events : SeriesBit.timed;
      if (series.askedOf[slot] === rules.generation) continue;
      definitions ??= new DefinitionReader(data.definitions);
      const kept = rules.kept(() => definitions!.definedLabels(place));
      series.kept[slot] = kept;
      if (kept === Kept.away) series.bits[slot]! |= SeriesBit.away;
      series.askedOf[slot] = rules.generation;
    }
  }

  #tenantOf(tenant: string): number {
    const { tenants } = this.#tables;
    const known = tenants.indexOf(tenant);
    return known < 0 ? tenants.push(tenant) - 1 : known;
  }
}
