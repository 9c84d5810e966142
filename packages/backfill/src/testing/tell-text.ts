import { formatLabels } from '@millrace/model';
import { CsvReader } from '../read/csv-reader.ts';
import { SeriesCache } from '../read/file-series.ts';
import { JsonLinesReader } from '../read/json-lines-reader.ts';
import { PromtoolReader } from '../read/promtool-reader.ts';
import { fileTime } from '../read/read-file.ts';
import type { FileFormat, ReadSettings } from '../read/read-settings.ts';
import type { RecordSink } from '../read/record-sink.ts';
import { RecordCutter, type TextReader } from '../read/text-file.ts';
import { READ_DEFAULTS } from './read-text.ts';

/** A sample, or what is wrong; and where a record ends. */
export type Told = string;

/** What readers of text tell of it, in blocks of so many bytes. */
export function tellText(
  bytes: Uint8Array,
  format: Exclude<FileFormat, 'parquet'>,
  blockBytes: number = bytes.length,
): Told[] {
  const settings = { ...READ_DEFAULTS, format, metric: 'm' };
  const told: Told[] = [];
  const sink: RecordSink = {
    fault: ({ line, column, what }) => void told.push(`fault ${line}:${column}: ${what}`),
    sample: (series, timeUs, value) => {
      told.push(`${formatLabels(series.labels)} ${series.kind} ${timeUs} ${value}`);
    },
    recordEnd: (offset, line) => void told.push(`end ${offset} ${line}`),
    drained: async () => await Promise.resolve(),
  };
  const cutter = new RecordCutter(readerOf(sink, settings), sink, { offset: 0, line: 1 });
  const text = Buffer.from(bytes);
  for (let at = 0; at < text.length; at += blockBytes) {
    cutter.take(text.subarray(at, at + blockBytes), false);
  }
  cutter.take(Buffer.alloc(0), true);
  return told;
}

function readerOf(sink: RecordSink, settings: ReadSettings): TextReader {
  const parts = { sink, series: new SeriesCache(), time: fileTime(settings) };
  if (settings.format === 'jsonl') return new JsonLinesReader(parts, settings);
  if (settings.format === 'promtool') return new PromtoolReader(parts, settings);
  return new CsvReader(parts, settings, { path: 'file', header: undefined });
}
