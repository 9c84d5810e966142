import { asyncBufferFromFile, parquetMetadataAsync, parquetRead } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { MillraceError } from '@millrace/runtime';
import { ParquetReader } from './parquet-reader.ts';
import { ParquetTime } from './parquet-time.ts';
import type { ReadSettings } from './read-settings.ts';
import type { ReaderParts } from './reader-parts.ts';
import type { FilePlace } from './record-sink.ts';
import { findColumns } from './columns.ts';

/** Columns of so many rows are held at once: a row group cannot be read in parts. */
const ROW_GROUP_ROWS_MAX = 4_000_000;
const ROWS_BETWEEN_PAUSES = 16_384;

/** Times as they are written, not as dates of milliseconds. */
const parsers = {
  timestampFromMilliseconds: (ms: bigint): ParquetTime => new ParquetTime(Number(ms) * 1000),
  timestampFromMicroseconds: (us: bigint): ParquetTime => new ParquetTime(Number(us)),
  timestampFromNanoseconds: (ns: bigint): ParquetTime => new ParquetTime(Number(ns / 1000n)),
  dateFromDays: (days: number): ParquetTime => new ParquetTime(days * 86_400_000_000),
};

/**
 * Reads a file row group by row group, and of each only the columns that matter.
 *
 * @throws MillraceError BACKFILL_PARQUET, BACKFILL_COLUMNS.
 */
export async function readParquet(
  parts: ReaderParts,
  settings: ReadSettings,
  { path, from, signal }: Readonly<{ path: string; from: FilePlace; signal: AbortSignal }>,
): Promise<void> {
  const file = await sound(path, async () => await asyncBufferFromFile(path));
  const metadata = await sound(path, async () => await parquetMetadataAsync(file, { parsers }));
  const names = topLevel(metadata.schema);
  const columns = findColumns(path, names, settings);
  const reader = new ParquetReader(parts, settings, columns);
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    const first = Math.max(rowStart, from.offset);
    if (first < rowEnd) {
      if (rowEnd - rowStart > ROW_GROUP_ROWS_MAX) throw tooLarge(path, rowEnd - rowStart);
      const read = new Map<string, ArrayLike<unknown>>();
      for (const name of reader.names) {
        signal.throwIfAborted();
        const one = { file, metadata, columns: [name], rowStart, rowEnd, compressors, parsers };
        read.set(name, await sound(path, async () => await readColumn(one)));
      }
      for (let row = first; row < rowEnd; row += ROWS_BETWEEN_PAUSES) {
        const until = Math.min(rowEnd, row + ROWS_BETWEEN_PAUSES);
        reader.rows(read, { start: rowStart, from: row, until });
        await parts.sink.drained();
      }
    }
    rowStart = rowEnd;
  }
  await parts.sink.drained();
}

type ReadOptions = Omit<Parameters<typeof parquetRead>[0], 'onComplete' | 'rowFormat'>;

async function readColumn(options: ReadOptions): Promise<unknown[]> {
  const values: unknown[] = [];
  const onComplete = (rows: unknown[][]): void => {
    for (const [value] of rows) values.push(value);
  };
  await parquetRead({ ...options, rowFormat: 'array', onComplete });
  return values;
}

/** The first element of a schema stands for the whole; those nested in another count to it. */
function topLevel(schema: readonly { name: string; num_children?: number }[]): string[] {
  const names: string[] = [];
  let at = 1;
  const pass = (): void => {
    const { num_children: children = 0 } = schema[at]!;
    at += 1;
    for (let i = 0; i < children; i += 1) pass();
  };
  while (at < schema.length) {
    names.push(schema[at]!.name);
    pass();
  }
  return names;
}

async function sound<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new MillraceError({
      code: 'BACKFILL_PARQUET',
      kind: 'permanent',
      message: `${path} cannot be read as Parquet (${detail}).`,
      remedy: 'Look whether it is whole; another program can write it anew, or as CSV.',
      cause: error,
    });
  }
}

function tooLarge(path: string, rows: number): MillraceError {
  return new MillraceError({
    code: 'BACKFILL_PARQUET',
    kind: 'permanent',
    message:
      `${path} has a row group of ${rows} rows, which would have to be held in memory; ` +
      `${ROW_GROUP_ROWS_MAX} is the most. Nothing was sent.`,
    remedy: 'Write the file anew with row groups of a million rows or fewer.',
  });
}
