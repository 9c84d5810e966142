import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SchemaElement } from 'hyparquet';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { StreamRecord } from '@millrace/stream';
import type { RecordDescription } from '../describe-record.ts';
import { loadZstd } from './zstd.ts';

/** A record, and what people look for it by. Its payload is held until its group is written. */
export interface DescribedRecord extends StreamRecord {
  description: RecordDescription;
}

/** Records that are compressed, and read again, in one go. */
const GROUP_BYTES_MAX = 1024 * 1024;
const GROUP_RECORDS_MAX = 10_000;

const required = (name: string, rest: Partial<SchemaElement>): SchemaElement => ({
  ...{ name, repetition_type: 'REQUIRED' },
  ...rest,
});
const optional = (name: string, rest: Partial<SchemaElement>): SchemaElement => ({
  ...{ name, repetition_type: 'OPTIONAL' },
  ...rest,
});
const TIME = { type: 'INT64', converted_type: 'TIMESTAMP_MICROS' } as const;
const TEXT = { type: 'BYTE_ARRAY', converted_type: 'UTF8' } as const;

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

const SCHEMA: SchemaElement[] = [{ name: 'record', num_children: COLUMNS.length }, ...COLUMNS];

/**
 * Writes the records of one range into a file in memory. The same records give the same bytes. It
 * lets others have their turn after each megabyte: whoever archives may share a thread.
 */
export class RecordsWriter {
  readonly #bytes = new ByteWriter(1 << 20);
  #parquet: ParquetWriter | undefined;
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
    const parquet = await this.#open();
    await parquet.finish();
    return this.#bytes.getBytes();
  }

  async #open(): Promise<ParquetWriter> {
    const { compress } = await loadZstd();
    return (this.#parquet ??= new ParquetWriter({
      ...{ writer: this.#bytes, schema: SCHEMA, codec: 'ZSTD', createdBy: 'millrace' },
      compressors: { ZSTD: compress },
    }));
  }

  async #writeGroup(): Promise<void> {
    const group = this.#group;
    if (group.length === 0) return;
    const parquet = await this.#open();
    await parquet.write({ columnData: columnsOf(group), rowGroupSize: group.length });
    this.#group = [];
    this.#groupBytes = 0;
    await nextTurn();
  }
}

type Column = Parameters<ParquetWriter['write']>[0]['columnData'][number];

function columnsOf(group: readonly DescribedRecord[]): Column[] {
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

/** A sample's time is what its sender says: also one that no clock shows. */
function microseconds(us: number | undefined): bigint | undefined {
  if (us === undefined || !Number.isFinite(us) || Math.abs(us) >= 2 ** 63) return undefined;
  return BigInt(Math.round(us));
}
