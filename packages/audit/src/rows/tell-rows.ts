import { formatLabels, partitionOf, SampleFlag } from '@millrace/model';
import type { ReadScope, StoreSnapshot } from '@millrace/store';
import type { Findings } from '../findings.ts';
import type { LogTables } from '../log/record-slots.ts';
import { formatTimeUs } from '../report.ts';
import type { SeriesNames } from '../series-names.ts';
import { seriesIdText } from '../series-table.ts';
import type { RowComparison } from './compare-rows.ts';
import type { FoundRow } from './found-row.ts';
import { numberText, valueText, type RowCounts } from './missing-rows.ts';

/** Where findings go, and who names series. */
export type Teller = Readonly<{ findings: Findings; names: SeriesNames }>;

export async function tellCounts(
  tables: LogTables,
  { missing, twice }: RowCounts,
  { findings, names }: Teller,
): Promise<void> {
  const { samples } = tables;
  for (const [kind, list] of [
    ['row_missing', missing],
    ['row_twice', twice],
  ] as const) {
    // They are in the order of the log: the first is the first.
    const [entry] = list.kept;
    if (entry === undefined) continue;
    const place = await placeOf(tables, entry, names);
    const seen = samples.seen[entry]!;
    const rows = samples.must[entry]! + samples.may[entry]!;
    const isMissing = kind === 'row_missing';
    const message = isMissing
      ? `${what(place)} is not stored: ${seen} of ${samples.must[entry]} rows are there.`
      : `${what(place)} is stored more often than it came: ${seen} rows, not ${rows}.`;
    const expected = valueText(samples, entry);
    findings.add(kind, { ...place, message, expected, found: `${seen} rows` }, list.count);
  }
}

export async function tellRows(
  tables: LogTables,
  { different, unexpected }: RowComparison,
  { findings, names }: Teller,
): Promise<void> {
  const { samples, series } = tables;
  const first = different.kept.toSorted((a, b) => a.entry - b.entry)[0];
  if (first !== undefined) {
    const place = await placeOf(tables, first.entry, names);
    const expected = valueText(samples, first.entry);
    const found = rowText(first.row);
    const message = `${what(place)} is stored as ${found}; the log says ${expected}.`;
    findings.add('row_differs', { ...place, message, expected, found }, different.count);
  }
  const row = unexpected.kept.toSorted((a, b) => a.timeUs - b.timeUs)[0];
  if (row === undefined) return;
  const slot = series.find(row.idHigh, row.idLow);
  const name = await names.of(tables, slot);
  const found = rowText(row);
  const place = {
    ...name,
    partition: series.partitions[slot]!,
    time: formatTimeUs(row.timeUs),
    found,
  };
  const message = `A row of ${what(place)} with ${found} is stored; the log has no such sample.`;
  findings.add('row_unexpected', { ...place, message }, unexpected.count);
}

/** Rows of series that no record of the log has: their partition tells whether that is known. */
export async function tellStrange(
  { strange }: RowComparison,
  { findings }: Teller,
  params: Readonly<{
    snapshot: StoreSnapshot;
    /** P. */
    partitions: number;
    exactFromUs: readonly number[];
    scope: ReadScope;
  }>,
): Promise<void> {
  const { snapshot, partitions, exactFromUs, scope } = params;
  const told = new Set<number>();
  const tell = (
    { newest, rows }: Readonly<{ newest: FoundRow; rows: number }>,
    known?: Readonly<{ partition: number; tenant: string; series: string }>,
  ): void => {
    const exact = known === undefined ? -Infinity : (exactFromUs[known.partition] ?? Infinity);
    if (newest.timeUs < exact) return;
    const seriesId = seriesIdText(newest.idHigh, newest.idLow);
    const [found, time] = [rowText(newest), formatTimeUs(newest.timeUs)];
    const place = { seriesId, tenant: undefined, series: undefined, ...known, time, found };
    const message = `A row of ${what(place)} with ${found} is stored; the log has no such series.`;
    findings.add('row_unexpected', { ...place, message }, rows);
  };
  if (strange.size === 0) return;
  for await (const definitions of snapshot.definitions(scope)) {
    for (const { fingerprint, tenant, labels } of definitions) {
      const id = Buffer.from(fingerprint);
      const found = strange.find(id.readUInt32BE(0), id.readUInt32BE(4));
      if (found === undefined) continue;
      told.add(found.slot);
      const partition = partitionOf(fingerprint, 0, partitions);
      tell(found, { partition, tenant, series: formatLabels(labels) });
    }
  }
  for (let slot = 0; slot < strange.size; slot += 1) if (!told.has(slot)) tell(strange.at(slot));
}

interface NamedPlace {
  partition?: number | undefined;
  offset?: number;
  tenant: string | undefined;
  series: string | undefined;
  seriesId: string;
  time: string;
}

async function placeOf(tables: LogTables, entry: number, names: SeriesNames): Promise<NamedPlace> {
  const { samples, records } = tables;
  const record = samples.records[entry]!;
  return {
    ...(await names.of(tables, samples.series[entry]!)),
    partition: records.partition(record),
    offset: records.offset(record),
    time: formatTimeUs(samples.times[entry]!),
  };
}

function what({ series, seriesId, time, partition, offset }: NamedPlace): string {
  const where = offset === undefined ? '' : ` (partition ${partition}, offset ${offset})`;
  return `${series ?? `series ${seriesId}`} at ${time}${where}`;
}

function rowText({ flags, isAbsent, value }: FoundRow): string {
  if ((flags & SampleFlag.stale) !== 0) return 'stale';
  return isAbsent ? 'no value' : numberText(value);
}
