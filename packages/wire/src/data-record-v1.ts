import { checkDataRecord } from './check-data-record.ts';
import {
  arrayField,
  bytesColumn,
  corruptRecord,
  countField,
  float64Column,
  stringField,
  textsField,
  timeField,
  uint32Column,
} from './columns.ts';
import {
  acknowledgedFromField,
  exemplarField,
  hexField,
  identityKindField,
  metadataField,
} from './data-record-fields.ts';
import { EventsRecordKind, type DataRecord } from './events-record.ts';
import { ascendingFromZero, onlyZeros } from './folded-columns.ts';

/*
 * Data records as they were written before series could be left undefined:
 *
 *   [1, 1, tenant, protocol,
 *    identity kind, identity bin16 or bin0, part, refused u32[],
 *    receiver bin8, sequence, cumulative samples, receivedAt µs, sample count,
 *    fingerprints 16 B each, kinds u8[],
 *    symbols bin, symbol lengths u32[], label counts u8[], label refs u32[],
 *    series index u32[]   (empty: sample i is of series i),
 *    times f64[]          (one: all samples have it),
 *    values f64[], flags u8[] (empty: all are 0),
 *    ids [str], start times f64[], histograms [bin], exemplars [[…]], metadata [[…]],
 *    acknowledged samples, acknowledged from]
 *   (the last two are absent in older logs: 0 and -1)
 */

/** Reads the fields of such a record, which defines all of its series. */
export function decodeDataRecordV1(fields: readonly unknown[]): DataRecord {
  const samples = countField(fields[12], 'sample count');
  const values = float64Column(fields[21], 'values');
  // Before anything is made by it: columns are expanded to it below.
  if (samples !== values.length) {
    throw corruptRecord(`it has ${values.length} values of ${samples} samples`);
  }
  const kinds = bytesColumn(fields[14], 'kinds');
  const seriesIndex = uint32Column(fields[19], 'series index');
  const times = float64Column(fields[20], 'times');
  const flags = bytesColumn(fields[22], 'flags');
  const folded = {
    kinds: false,
    seriesIndex: seriesIndex.length === 0,
    times: times.length === 1 && samples > 1,
    flags: flags.length === 0,
  };
  const record: DataRecord = {
    kind: EventsRecordKind.data,
    tenant: stringField(fields[2], 'tenant'),
    protocol: stringField(fields[3], 'protocol'),
    identityKind: identityKindField(fields[4]),
    identity: bytesColumn(fields[5], 'identity'),
    part: countField(fields[6], 'part'),
    refused: uint32Column(fields[7], 'refused'),
    receiver: hexField(bytesColumn(fields[8], 'receiver')),
    sequence: countField(fields[9], 'sequence'),
    cumulativeSamples: countField(fields[10], 'cumulative samples'),
    acknowledgedSamples: countField(fields[28] ?? 0, 'acknowledged samples'),
    acknowledgedFrom: acknowledgedFromField(fields[29] ?? -1),
    receivedAtUs: timeField(fields[11], 'receivedAt'),
    fingerprints: bytesColumn(fields[13], 'fingerprints'),
    kinds,
    definitions: {
      rows: ascendingFromZero(kinds.length),
      symbolBytes: bytesColumn(fields[15], 'symbols'),
      symbolLengths: uint32Column(fields[16], 'symbol lengths'),
      labelCounts: bytesColumn(fields[17], 'label counts'),
      labelRefs: uint32Column(fields[18], 'label refs'),
    },
    seriesIndex: folded.seriesIndex ? ascendingFromZero(samples) : seriesIndex,
    times: folded.times ? new Float64Array(samples).fill(times[0]!) : times,
    values,
    flags: folded.flags ? onlyZeros(samples) : flags,
    ids: textsField(fields[23], 'ids'),
    startTimes: float64Column(fields[24], 'start times'),
    histograms: arrayField(fields[25], 'histograms').map((one) => bytesColumn(one, 'a histogram')),
    exemplars: arrayField(fields[26], 'exemplars').map(exemplarField),
    metadata: arrayField(fields[27], 'metadata').map(metadataField),
  };
  return checkDataRecord(record, folded);
}
