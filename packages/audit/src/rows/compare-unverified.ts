import { fingerprintHex } from '@millrace/model';
import type { ReadScope, StoredUnverified, StoreSnapshot } from '@millrace/store';
import type { Findings } from '../findings.ts';
import type { LogTables } from '../log/record-slots.ts';
import { formatTimeUs } from '../report.ts';
import { EntryKind, type SampleTable } from '../sample-table.ts';
import { SeriesBit } from '../series-table.ts';
import { RowList } from './compare-rows.ts';

/** Every sample that is kept beside must have come: of its series and time there is one. */
export async function compareUnverified(
  snapshot: StoreSnapshot,
  tables: LogTables,
  params: Readonly<{ scope: ReadScope; exactFromUs: readonly number[]; findings: Findings }>,
): Promise<number> {
  const { scope, exactFromUs, findings } = params;
  const strange = new RowList<StoredUnverified>();
  let rows = 0;
  for await (const some of snapshot.unverified(scope)) {
    rows += some.length;
    for (const row of some) {
      const isOlder = row.timeUs < (exactFromUs[row.partition] ?? Infinity);
      if (!isOlder && !hasCome(tables, row)) strange.add(row);
    }
  }
  const [first] = strange.kept;
  if (first === undefined) return rows;
  const { tenant, partition, fingerprint, timeUs } = first;
  const time = formatTimeUs(timeUs);
  const seriesId = Buffer.from(fingerprint).readBigInt64BE().toString();
  const message =
    `An unverified sample of series ${fingerprintHex(fingerprint)} at ${time} is kept beside; ` +
    'the log has no such.';
  const place = { partition, tenant, seriesId, time, message };
  findings.add('unverified_unexpected', place, strange.count);
  return rows;
}

function hasCome(
  { series, samples }: LogTables,
  { fingerprint, timeUs }: StoredUnverified,
): boolean {
  const id = Buffer.from(fingerprint);
  const slot = series.find(id.readUInt32BE(0), id.readUInt32BE(4));
  if (slot < 0) return false;
  // Events that are not kept raw are not held one by one.
  if ((series.bits[slot]! & SeriesBit.events) !== 0) return true;
  return (
    isKnown(samples, slot, EntryKind.sample, timeUs) ||
    isKnown(samples, slot, EntryKind.histogram, timeUs)
  );
}

function isKnown(samples: SampleTable, slot: number, kind: EntryKind, timeUs: number): boolean {
  return samples.find(slot, kind, timeUs, NaN) >= 0;
}
