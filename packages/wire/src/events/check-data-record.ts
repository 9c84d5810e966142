import { FINGERPRINT_BYTES, SampleFlag, SampleKind, TIME_US_MAX } from '@millrace/model';
import { corruptRecord } from '../fields/columns.ts';
import { IdentityKind, type DataRecord, type Definitions } from './events-record.ts';

/** Which columns were folded into nothing or one value: they need no look at each sample. */
export interface FoldedColumns {
  kinds: boolean;
  seriesIndex: boolean;
  times: boolean;
  flags: boolean;
}

/** Columns that do not fit one another would be read past their ends further on. */
export function checkDataRecord(record: DataRecord, folded: FoldedColumns): DataRecord {
  const series = record.kinds.length;
  const samples = record.values.length;
  const { kinds, seriesIndex, flags } = record;
  const fits =
    record.fingerprints.length === series * FINGERPRINT_BYTES &&
    seriesIndex.length === samples &&
    record.times.length === samples &&
    flags.length === samples &&
    (folded.seriesIndex ? samples <= series : isBelow(seriesIndex, series)) &&
    isBelow(folded.kinds ? kinds.subarray(0, 1) : kinds, KINDS_END) &&
    fitsDefinitions(record.definitions, series) &&
    fitsFlags(record, folded.flags) &&
    record.exemplars.every((exemplar) => exemplar.seriesIndex < series);
  if (!fits) throw corruptRecord('its columns do not fit one another');
  if (!areTimes(folded.times ? record.times.subarray(0, 1) : record.times)) {
    throw corruptRecord('it has a time that is none');
  }
  if (!isAscending(record.refused)) throw corruptRecord('its refused ordinals do not ascend');
  const identityBytes = record.identityKind === IdentityKind.none ? 0 : IDENTITY_BYTES;
  if (record.identity.length !== identityBytes) {
    throw corruptRecord(`its identity has ${record.identity.length} bytes`);
  }
  return record;
}

const IDENTITY_BYTES = 16;
const KINDS_END = Object.keys(SampleKind).length;

function fitsDefinitions(definitions: Definitions, series: number): boolean {
  const { rows, symbolBytes, symbolLengths, labelCounts, labelRefs } = definitions;
  return (
    labelCounts.length === rows.length &&
    isAscending(rows) &&
    (rows.at(-1) ?? -1) < series &&
    isBelow(labelRefs, symbolLengths.length) &&
    sum(labelCounts) * 2 === labelRefs.length &&
    sum(symbolLengths) === symbolBytes.length
  );
}

/** Whether each side column has one value for each sample with its flag. */
function fitsFlags({ flags, ids, startTimes, histograms }: DataRecord, areZero: boolean): boolean {
  let [withId, withStart, withHistogram] = [0, 0, 0];
  for (let i = areZero ? flags.length : 0; i < flags.length; i += 1) {
    const flag = flags[i]!;
    if (flag === 0) continue;
    if ((flag & SampleFlag.id) !== 0) withId += 1;
    if ((flag & SampleFlag.start) !== 0) withStart += 1;
    if ((flag & SampleFlag.histogram) !== 0) withHistogram += 1;
  }
  return (
    ids.length === withId && startTimes.length === withStart && histograms.length === withHistogram
  );
}

/** A NaN among the times would make every comparison further on come out false. */
function areTimes(times: Float64Array): boolean {
  for (let i = 0; i < times.length; i += 1) if (!(Math.abs(times[i]!) <= TIME_US_MAX)) return false;
  return true;
}

function isAscending(column: Uint32Array): boolean {
  for (let i = 1; i < column.length; i += 1) if (column[i - 1]! >= column[i]!) return false;
  return true;
}

function isBelow(column: Uint8Array | Uint32Array, bound: number): boolean {
  for (let i = 0; i < column.length; i += 1) if (column[i]! >= bound) return false;
  return true;
}

function sum(column: Uint8Array | Uint32Array): number {
  let total = 0;
  for (let i = 0; i < column.length; i += 1) total += column[i]!;
  return total;
}
