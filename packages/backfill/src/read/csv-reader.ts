import { SampleKind, type Label } from '@millrace/model';
import { findColumns } from './columns.ts';
import { readCsvRecord } from './csv-record.ts';
import { nameLabel, type FileSeries, type SeriesCache } from './file-series.ts';
import { EVENTS_EXPECTED, KIND_NAMES, kindOf } from './kind-names.ts';
import type { ReadSettings } from './read-settings.ts';
import type { ReaderParts } from './reader-parts.ts';
import type { FilePlace, RecordSink } from './record-sink.ts';
import type { SampleTime } from './sample-time.ts';
import { readValue, VALUE_EXPECTED } from './sample-value.ts';
import type { TextReader } from './text-file.ts';

/** Where each thing stands in a record; -1: nowhere. */
interface Places {
  names: readonly string[];
  time: number;
  value: number;
  metric: number;
  kind: number;
  labels: readonly number[];
}

/** CSV with a header, one sample a record. */
export class CsvReader implements TextReader {
  readonly #path: string;
  readonly #sink: RecordSink;
  readonly #series: SeriesCache;
  readonly #settings: ReadSettings;
  readonly #time: SampleTime;
  #places: Places | undefined;
  /** Of the record before, as most are of few series. */
  #lastKey = '';
  #last: FileSeries | undefined;

  constructor(
    parts: ReaderParts,
    settings: ReadSettings,
    file: Readonly<{
      path: string;
      /** Of a file that is not read from its beginning. */
      header: Buffer | undefined;
    }>,
  ) {
    const { sink, series, time } = parts;
    const { path, header } = file;
    this.#path = path;
    this.#sink = sink;
    this.#series = series;
    this.#settings = settings;
    this.#time = time;
    if (header !== undefined) this.#readHeader(header, true);
  }

  take(text: Buffer, at: FilePlace, isLast: boolean): number {
    const { delimiter } = this.#settings;
    let from = 0;
    let line = at.line;
    if (this.#places === undefined) {
      from = this.#readHeader(text, isLast);
      if (from === 0) return 0;
      line += linesIn(text, 0, from);
      this.#sink.recordEnd(at.offset + from, line);
    }
    while (from < text.length) {
      const record = readCsvRecord(text, from, { delimiter, isLast });
      if (record === undefined) break;
      const end = from + record.bytes;
      const isBlank = record.fields.length === 1 && record.fields[0] === '';
      if (!isBlank) this.#record(record.fields, line, record.strayQuote);
      line += linesIn(text, from, end);
      from = end;
      this.#sink.recordEnd(at.offset + from, line);
    }
    if (isLast && from < text.length) this.#unclosed(line);
    return isLast ? text.length : from;
  }

  /** How many bytes the header takes; 0: it is not all there. */
  #readHeader(text: Buffer, isLast: boolean): number {
    const { delimiter } = this.#settings;
    const record = readCsvRecord(text, 0, { delimiter, isLast });
    if (record === undefined) return 0;
    const names = record.fields.map((name) => name.replace(/^\uFEFF/, '').trim());
    const columns = findColumns(this.#path, names, this.#settings);
    const place = (name: string | undefined): number =>
      name === undefined ? -1 : names.indexOf(name);
    this.#places = {
      names,
      time: place(columns.time),
      value: place(columns.value),
      metric: place(columns.metric),
      kind: place(columns.kind),
      labels: columns.labels.map(place),
    };
    return record.bytes;
  }

  #record(fields: readonly string[], line: number, strayQuote: boolean): void {
    const places = this.#places!;
    const { names, time, value } = places;
    if (strayQuote) {
      return this.#fault(line, undefined, 'a quote stands within a field', QUOTES_EXPECTED);
    }
    if (fields.length !== names.length) {
      const what = `the record has ${fields.length} fields`;
      return this.#fault(line, undefined, what, `${names.length}, as the header has`);
    }
    const timeUs = this.#time.text(fields[time]!.trim());
    if (typeof timeUs === 'object') {
      return this.#fault(line, names[time], timeUs.what, timeUs.expected);
    }
    const number = readValue(fields[value]!.trim());
    if (number === undefined) {
      const what = `the value is ${JSON.stringify(fields[value]!.slice(0, 48))}`;
      return this.#fault(line, names[value], what, VALUE_EXPECTED);
    }
    const series = this.#seriesOf(fields, places);
    if (typeof series === 'object') this.#tell(series, line, timeUs, number);
    else this.#fault(line, places.kind < 0 ? undefined : names[places.kind], series, KIND_NAMES);
  }

  #tell(series: FileSeries, line: number, timeUs: number, value: number): void {
    if (series.fault !== undefined) {
      return this.#fault(line, undefined, series.fault, 'other names and labels');
    }
    if (series.kind === SampleKind.event) {
      return this.#fault(line, 'kind', 'it is an event', EVENTS_EXPECTED);
    }
    this.#sink.sample(series, timeUs, value, false);
  }

  /** The series, or what is wrong with its kind. */
  #seriesOf(fields: readonly string[], places: Places): FileSeries | string {
    const { metric, kind, labels } = places;
    let key = kind < 0 ? '' : `${fields[kind]!}\0`;
    if (metric >= 0) key += `${fields[metric]!}\0`;
    for (const place of labels) key += `${fields[place]!}\0`;
    if (key === this.#lastKey && this.#last !== undefined) return this.#last;
    let series = this.#series.find(key);
    if (series === undefined) {
      const named = kind < 0 || fields[kind] === '' ? undefined : fields[kind];
      const known = named === undefined ? this.#settings.kind : kindOf(named);
      if (known === undefined) return `the kind is ${JSON.stringify(named)}`;
      // What stands where bytes were no UTF-8.
      if (key.includes('\uFFFD')) return 'the labels are not UTF-8';
      series = this.#series.add(key, this.#labelsOf(fields, places), known);
    }
    this.#lastKey = key;
    this.#last = series;
    return series;
  }

  #labelsOf(fields: readonly string[], { names, metric, labels }: Places): Label[] {
    const name = metric < 0 ? this.#settings.metric! : fields[metric]!;
    return [nameLabel(name), ...labels.map((i): Label => [names[i]!, fields[i]!])];
  }

  #unclosed(line: number): void {
    this.#fault(line, undefined, 'a quote that opens here is never closed', QUOTES_EXPECTED);
  }

  #fault(line: number, column: string | undefined, what: string, expected: string): void {
    this.#sink.fault({ line, column, what, expected });
  }
}

const QUOTES_EXPECTED = 'quotes around a whole field, and "" for one within it';
const NEWLINE = 0x0a;

function linesIn(text: Buffer, from: number, to: number): number {
  let lines = 0;
  for (let i = text.indexOf(NEWLINE, from); i >= 0 && i < to; i = text.indexOf(NEWLINE, i + 1)) {
    lines += 1;
  }
  return lines;
}
