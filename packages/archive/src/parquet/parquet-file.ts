import { setImmediate as nextTurn } from 'node:timers/promises';
import { loadZstd } from '@millrace/runtime';
import type { SchemaElement } from 'hyparquet';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';

export type ParquetColumn = Parameters<ParquetWriter['write']>[0]['columnData'][number];

export const TIME = { type: 'INT64', converted_type: 'TIMESTAMP_MICROS' } as const;
export const TEXT = { type: 'BYTE_ARRAY', converted_type: 'UTF8' } as const;

export const required = (name: string, rest: Partial<SchemaElement>): SchemaElement => ({
  ...{ name, repetition_type: 'REQUIRED' },
  ...rest,
});

export const optional = (name: string, rest: Partial<SchemaElement>): SchemaElement => ({
  ...{ name, repetition_type: 'OPTIONAL' },
  ...rest,
});

/**
 * A Parquet file in memory, written group by group. The same rows give the same bytes. It lets
 * others have their turn after each group: whoever archives may share a thread.
 */
export class ParquetFile {
  readonly #bytes = new ByteWriter(1 << 20);
  readonly #schema: SchemaElement[];
  #parquet: ParquetWriter | undefined;

  constructor(name: string, columns: readonly SchemaElement[]) {
    this.#schema = [{ name, num_children: columns.length }, ...columns];
  }

  async writeGroup(columnData: ParquetColumn[], rows: number): Promise<void> {
    const parquet = await this.#open();
    await parquet.write({ columnData, rowGroupSize: rows });
    await nextTurn();
  }

  /** The whole file. Nothing can be added any more. */
  async finish(): Promise<Uint8Array> {
    const parquet = await this.#open();
    await parquet.finish();
    return this.#bytes.getBytes();
  }

  async #open(): Promise<ParquetWriter> {
    const { compress } = await loadZstd();
    return (this.#parquet ??= new ParquetWriter({
      ...{ writer: this.#bytes, schema: this.#schema, codec: 'ZSTD', createdBy: 'millrace' },
      compressors: { ZSTD: compress },
    }));
  }
}

/** A sample's time is what its sender says: also one that no clock shows. */
export function microseconds(us: number | undefined): bigint | undefined {
  if (us === undefined || !Number.isFinite(us) || Math.abs(us) >= 2 ** 63) return undefined;
  return BigInt(Math.round(us));
}
