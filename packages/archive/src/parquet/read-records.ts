import { parquetMetadata, parquetReadObjects, type FileMetaData } from 'hyparquet';
import { loadZstd } from '@millrace/runtime';
import type { StreamRecord } from '@millrace/stream';

/** Rows `[rowStart, rowEnd)` of a file, which are read in one go. */
interface Group {
  rowStart: number;
  rowEnd: number;
}

/** The records of a file that is in memory and known to be sound. */
export class RecordsFile {
  readonly rows: number;
  readonly #bytes: Uint8Array;
  readonly #metadata: FileMetaData;
  readonly #groups: readonly Group[];

  /** Throws when it is no such file. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#metadata = parquetMetadata(bytes);
    this.rows = Number(this.#metadata.num_rows);
    let rowStart = 0;
    this.#groups = this.#metadata.row_groups.map(({ num_rows: count }) => {
      const rowEnd = rowStart + Number(count);
      const group = { rowStart, rowEnd };
      rowStart = rowEnd;
      return group;
    });
  }

  /** The records of the group that a row lies in. */
  async readGroup(row: number): Promise<StreamRecord[]> {
    const group = this.#groups.find(({ rowStart, rowEnd }) => rowStart <= row && row < rowEnd);
    if (group === undefined) throw new Error(`it has no row ${row}`);
    const { decompress } = await loadZstd();
    const bytes = this.#bytes;
    const rows = await parquetReadObjects({
      ...{ ...group, metadata: this.#metadata, utf8: false },
      file: {
        byteLength: bytes.length,
        slice: (start: number, end?: number) => bufferOf(bytes.subarray(start, end)),
      },
      columns: ['offset', 'append_time', 'payload'],
      compressors: { ZSTD: decompress },
      parsers: { timestampFromMicroseconds: (micros: bigint) => micros },
    });
    return rows.map(recordOf);
  }
}

function recordOf(row: Record<string, unknown>): StreamRecord {
  const { offset, append_time: appendTime, payload } = row;
  if (typeof offset !== 'bigint' || typeof appendTime !== 'bigint')
    throw new Error('a row lacks its numbers');
  if (!(payload instanceof Uint8Array)) throw new Error('a row lacks its record');
  return { offset: Number(offset), appendTimeUs: Number(appendTime), payload };
}

function bufferOf(bytes: Uint8Array): ArrayBuffer {
  const { buffer, byteOffset, byteLength } = bytes;
  return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
}
