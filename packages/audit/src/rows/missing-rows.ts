import { isExcused, type Excuses } from '../letters/excuse-missing.ts';
import type { LogTables } from '../log/record-slots.ts';
import type { KeptRows } from '../kept-rows.ts';
import { EntryKind, type SampleTable } from '../sample-table.ts';
import { SeriesBit, seriesIdText } from '../series-table.ts';
import { RowList } from './compare-rows.ts';

/** Samples of one tenant that the ledger of a partition counts, and that have their row. */
export interface Settled {
  partition: number;
  tenant: string;
  stored: number;
  unverified: number;
}

export interface RowCounts {
  /** Entries without as many rows as they must have. */
  missing: RowList<number>;
  /** Entries with more than they may have. */
  twice: RowList<number>;
  /** Rows that must be there. */
  expected: number;
  /** What rows say of samples whose fate the log leaves open, by partition and tenant. */
  settled: Settled[];
}

/** Looks through all samples, after every row of the scope was held against them. */
export function countRows(
  tables: LogTables,
  params: Readonly<{
    fromUs: number;
    untilUs: number;
    kept: KeptRows;
    exactFromUs: readonly number[];
    /** Records below it are counted in the ledger, by partition. */
    positions: readonly (number | undefined)[];
    /** Only rows of this one; undefined: of all. */
    tenant: string | undefined;
    excuses: Excuses;
    /** Of series whose rows could not all be matched, nothing is said. */
    skipsMoved: boolean;
  }>,
): RowCounts {
  const { samples, series, tenants } = tables;
  const { fromUs, untilUs, kept, exactFromUs, excuses, skipsMoved } = params;
  const only = params.tenant === undefined ? undefined : tenants.indexOf(params.tenant);
  const counts: RowCounts = {
    missing: new RowList(),
    twice: new RowList(),
    expected: 0,
    settled: [],
  };
  const settle = settling(tables, params.positions, counts.settled);
  for (let entry = 0; entry < samples.size; entry += 1) {
    const timeUs = samples.times[entry]!;
    if (timeUs < fromUs || timeUs >= untilUs) continue;
    const slot = samples.series[entry]!;
    if (timeUs < kept.rawFromUs(series.idHigh[slot]!, series.idLow[slot]!)) continue;
    if (skipsMoved && (series.bits[slot]! & SeriesBit.moved) !== 0) continue;
    if (only !== undefined && series.tenants[slot] !== only) continue;
    const must = samples.must[entry]!;
    const seen = samples.seen[entry]!;
    counts.expected += must;
    if (seen < must) {
      const seriesId = seriesIdText(series.idHigh[slot]!, series.idLow[slot]!);
      const at = { seriesId, timeUs, partition: series.partitions[slot]! };
      if (!isExcused(samples, entry, at, excuses)) counts.missing.add(entry);
      continue;
    }
    if (must === 1 && seen === 1) settle(entry);
    if (seen <= must + samples.may[entry]!) continue;
    if (timeUs >= exactFromUs[series.partitions[slot]!]!) counts.twice.add(entry);
  }
  return counts;
}

/** Counts samples by what their rows say of them. */
function settling(
  { samples, series, records, tenants }: LogTables,
  positions: readonly (number | undefined)[],
  settled: Settled[],
): (entry: number) => void {
  const byPlace = new Map<number, Settled>();
  return (entry) => {
    // Of the others the log leaves nothing open.
    if (samples.kind(entry) >= EntryKind.event || samples.isUntimed(entry)) return;
    // Which of the two arrivals its row is of, it does not say.
    if (samples.hasComeAgain(entry)) return;
    const record = samples.records[entry]!;
    const partition = records.partition(record);
    if (!(records.offset(record) < (positions[partition] ?? 0))) return;
    const tenant = series.tenants[samples.series[entry]!]!;
    const place = partition * 0x1_0000 + tenant;
    let one = byPlace.get(place);
    if (one === undefined) {
      one = { partition, tenant: tenants[tenant]!, stored: 0, unverified: 0 };
      byPlace.set(place, one);
      settled.push(one);
    }
    one[samples.isUnverified(entry) ? 'unverified' : 'stored'] += 1;
  };
}

/** As a person reads a value. */
export function valueText(samples: SampleTable, entry: number): string {
  return samples.isStale(entry) ? 'stale' : numberText(samples.values[entry]!);
}

export function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}
