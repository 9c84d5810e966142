import type { SchemaElement } from 'hyparquet';
import type { StreamRecord } from '@millrace/stream';
import type { RecordDescription } from '../describe-record.ts';
import {
  microseconds,
  optional,
  ParquetFile,
  required,
  TEXT,
  TIME,
  type ParquetColumn,
} from './parquet-file.ts';

/** A record, and what people look for it by. Its payload is held until its group is written. */
export interface DescribedRecord extends StreamRecord {
  description: RecordDescription;
}

/** Records that are compressed, and read again, in one go. */
const GROUP_BYTES_MAX = 1024 * 1024;
const GROUP_RECORDS_MAX = 10_000;

const COLUMNS: readonly SchemaElement[] = [
  required('offset', { type: 'INT64' }),
  required('append_time', TIME),
  required('kind', TEXT),
  optional('received_at', TIME),
  optional('tenant', TEXT),
  optional('protocol', TEXT),
  required('samples', { type: 'INT32' }),
  optional('time_min', TIME),
  optional('time_max', TIME),
  // All of the record; the columns before repeat what stands in it.
  required('payload', { type: 'BYTE_ARRAY' }),
];

/** Writes the records of one range into a file in memory. */
export class RecordsWriter {
  readonly #file = new ParquetFile('record', COLUMNS);
  #group: DescribedRecord[] = [];
  #groupBytes = 0;

  async add(record: DescribedRecord): Promise<void> {
    this.#group.push(record);
    this.#groupBytes += record.payload.length;
    const isFull = this.#groupBytes >= GROUP_BYTES_MAX || this.#group.length >= GROUP_RECORDS_MAX;
    if (isFull) await this.#writeGroup();
  }

  /** The whole file. Nothing can be added any more. */
  async finish(): Promise<Uint8Array> {
    await this.#writeGroup();
    return await this.#file.finish();
  }

  async #writeGroup(): Promise<void> {
    const group = this.#group;
    if (group.length === 0) return;
    await this.#file.writeGroup(columnsOf(group), group.length);
    this.#group = [];
    this.#groupBytes = 0;
  }
}

function columnsOf(group: readonly DescribedRecord[]): ParquetColumn[] {
  const described = group.map(({ description }) => description);
  const times = (of: (one: RecordDescription) => number | undefined): (bigint | undefined)[] =>
    described.map((one) => microseconds(of(one)));
  return [
    { name: 'offset', data: group.map(({ offset }) => BigInt(offset)) },
    { name: 'append_time', data: group.map(({ appendTimeUs }) => BigInt(appendTimeUs)) },
    { name: 'kind', data: described.map(({ kind }) => kind) },
    { name: 'received_at', data: times(({ receivedAtUs }) => receivedAtUs) },
    { name: 'tenant', data: described.map(({ tenant }) => tenant) },
    { name: 'protocol', data: described.map(({ protocol }) => protocol) },
    { name: 'samples', data: described.map(({ samples }) => samples) },
    { name: 'time_min', data: times(({ timeMinUs }) => timeMinUs) },
    { name: 'time_max', data: times(({ timeMaxUs }) => timeMaxUs) },
    {
      ...{ name: 'payload', data: group.map(({ payload }) => payload) },
      // No two are alike, and nobody looks for one by its bytes.
      ...{ encoding: 'PLAIN', statistics: false, offsetIndex: false },
    },
  ];
}
