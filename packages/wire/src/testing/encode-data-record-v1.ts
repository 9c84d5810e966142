import { encode } from '@msgpack/msgpack';
import { bytesOf } from '../fields/columns.ts';
import { exemplarRow, metadataRow } from '../events/data-record-fields.ts';
import type { DataRecord } from '../events/events-record.ts';
import { isAscendingFromZero, isConstant, isZero } from '../fields/folded-columns.ts';

/**
 * A data record as programs of before wrote it, and logs out there hold: it must define all of its
 * series. Nothing writes it any more but tests.
 */
export function encodeDataRecordV1(record: DataRecord): Uint8Array {
  const { definitions, kinds, seriesIndex, times, flags } = record;
  if (definitions.rows.length !== kinds.length) throw new Error('a series is not defined');
  const isOnePerSeries = seriesIndex.length === kinds.length && isAscendingFromZero(seriesIndex);
  return encode([
    1,
    record.kind,
    record.tenant,
    record.protocol,
    record.identityKind,
    record.identity,
    record.part,
    bytesOf(record.refused),
    Buffer.from(record.receiver, 'hex'),
    record.sequence,
    record.cumulativeSamples,
    record.receivedAtUs,
    record.values.length,
    record.fingerprints,
    kinds,
    definitions.symbolBytes,
    bytesOf(definitions.symbolLengths),
    definitions.labelCounts,
    bytesOf(definitions.labelRefs),
    bytesOf(isOnePerSeries ? new Uint32Array(0) : seriesIndex),
    bytesOf(isConstant(times) ? times.subarray(0, 1) : times),
    bytesOf(record.values),
    isZero(flags) ? new Uint8Array(0) : flags,
    record.ids,
    bytesOf(record.startTimes),
    record.histograms,
    record.exemplars.map(exemplarRow),
    record.metadata.map(metadataRow),
    record.acknowledgedSamples,
    record.acknowledgedFrom,
  ]);
}
