import { CsvReader } from './csv-reader.ts';
import { SeriesCache, SERIES_CACHE_DEFAULTS } from './file-series.ts';
import { JsonLinesReader } from './json-lines-reader.ts';
import { PromtoolReader } from './promtool-reader.ts';
import type { FileFormat, ReadSettings } from './read-settings.ts';
import type { ReaderParts } from './reader-parts.ts';
import type { FilePlace, RecordSink } from './record-sink.ts';
import { SampleTime } from './sample-time.ts';
import {
  readAllBytes,
  readText,
  readTextHead,
  RECORD_BYTES_MAX,
  type TextReader,
} from './text-file.ts';

export const FILE_START: FilePlace = { offset: 0, line: 1 };

export interface FileReading {
  path: string;
  settings: ReadSettings;
  /** The same for all that is read of a file: what the first number looks like holds for all. */
  time: SampleTime;
  from: FilePlace;
  sink: RecordSink;
  signal: AbortSignal;
  /** Told of all bytes of the file's content, wherever reading begins. */
  onBytes?: (bytes: Buffer) => void;
}

/**
 * Tells the sink all that a file holds from a place on.
 *
 * @throws MillraceError BACKFILL_FILE_UNREADABLE, BACKFILL_COLUMNS, BACKFILL_PARQUET.
 */
export async function readFile(reading: FileReading): Promise<void> {
  const { path, settings, time, from, sink, signal, onBytes } = reading;
  const series = new SeriesCache(SERIES_CACHE_DEFAULTS, settings.labels);
  const parts = { sink, series, time };
  if (settings.format !== 'parquet') {
    await readText(
      await readerOf(parts, { ...settings, format: settings.format }, reading),
      reading,
    );
    return;
  }
  if (onBytes !== undefined) await readAllBytes(path, onBytes, signal);
  // Not before it is needed: who reads other files should not wait for it.
  const { readParquet } = await import('./parquet-file.ts');
  await readParquet(parts, settings, { path, from, signal });
}

/** Reads the times of one file. */
export function fileTime({ format, timeUnit, assumesUtc }: ReadSettings): SampleTime {
  // A dump always has milliseconds.
  const unit = format === 'promtool' ? (timeUnit ?? 'ms') : timeUnit;
  return new SampleTime({ unit, assumesUtc });
}

async function readerOf(
  parts: ReaderParts,
  settings: ReadSettings & Readonly<{ format: TextFormat }>,
  { path, from }: FileReading,
): Promise<TextReader> {
  switch (settings.format) {
    case 'jsonl':
      return new JsonLinesReader(parts, settings);
    case 'promtool':
      return new PromtoolReader(parts, settings);
    case 'csv': {
      const isStart = from.offset === 0;
      const header = isStart ? undefined : await readTextHead(path, RECORD_BYTES_MAX);
      return new CsvReader(parts, settings, { path, header });
    }
  }
}

type TextFormat = Exclude<FileFormat, 'parquet'>;
