import { encode } from '@msgpack/msgpack';
import { bytesOf, decodeFields, uint32Column } from '../fields/columns.ts';
import { decodeSeriesRecord } from '../series/series-record-codec.ts';

/** A record of `metrics.series` as programs of before wrote it. Nothing writes it but tests. */
export function seriesRecordV1(bytes: Uint8Array): Uint8Array {
  const fields = decodeFields(bytes).slice(0, 15);
  const { times, flags, count } = decodeSeriesRecord(bytes).entries.samples;
  fields[0] = 1;
  fields[9] = bytesOf(uint32Column(fields[9], 'runs'));
  fields[11] = bytesOf(times.slice(0, count));
  fields[13] = flags.slice(0, count);
  return encode(fields);
}
