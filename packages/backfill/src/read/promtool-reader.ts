import type { Label } from '@millrace/model';
import type { FileSeries, SeriesCache } from './file-series.ts';
import { readLabelSet } from './label-set-text.ts';
import type { ReadSettings } from './read-settings.ts';
import type { ReaderParts } from './reader-parts.ts';
import type { FilePlace, RecordSink } from './record-sink.ts';
import type { SampleTime } from './sample-time.ts';
import { readValue, VALUE_EXPECTED } from './sample-value.ts';
import { takeLines } from './take-lines.ts';
import type { TextReader } from './text-file.ts';

const EXPECTED = '{__name__="up", job="a"} 1 1795953600000, as "promtool tsdb dump" prints it';

/** What `promtool tsdb dump` prints: labels, value and milliseconds, a line for each sample. */
export class PromtoolReader implements TextReader {
  readonly #sink: RecordSink;
  readonly #series: SeriesCache;
  readonly #settings: ReadSettings;
  readonly #time: SampleTime;
  /** A dump has all samples of a series one after the other. */
  #lastKey = '';
  #last: FileSeries | undefined;

  constructor(parts: ReaderParts, settings: ReadSettings) {
    const { sink, series, time } = parts;
    this.#sink = sink;
    this.#series = series;
    this.#settings = settings;
    this.#time = time;
  }

  take(text: Buffer, at: FilePlace, isLast: boolean): number {
    return takeLines({ text, at, isLast }, this.#sink, (bytes, line) => this.#line(bytes, line));
  }

  #line(bytes: Buffer, line: number): void {
    const shown = bytes.toString('utf8').trim();
    if (shown === '') return;
    // The last brace: one in a label's value comes before it.
    const close = shown.lastIndexOf('} ');
    if (!shown.startsWith('{') || close < 0) {
      return this.#fault(line, 1, `the line is ${quoted(shown)}`, EXPECTED);
    }
    const key = shown.slice(0, close + 1);
    const rest = shown.slice(close + 2);
    const series = this.#seriesOf(key);
    if (typeof series === 'string') {
      const histogram = key.indexOf('} {count:');
      if (histogram >= 0) return this.#histogram(line, histogram + 3);
      return this.#fault(line, 1, series, EXPECTED);
    }
    const space = rest.lastIndexOf(' ');
    const value = readValue(rest.slice(0, Math.max(0, space)));
    const timeUs = this.#time.text(rest.slice(space + 1));
    if (value === undefined) {
      const what = `the value is ${quoted(rest.slice(0, Math.max(0, space)))}`;
      return this.#fault(line, close + 3, what, VALUE_EXPECTED);
    }
    if (typeof timeUs === 'object') {
      return this.#fault(line, close + 4 + space, timeUs.what, timeUs.expected);
    }
    this.#sink.sample(series, timeUs, value, false);
  }

  #histogram(line: number, column: number): void {
    const expected = 'a number: native histograms cannot be made again from a dump';
    this.#fault(line, column, 'the value is a native histogram', expected);
  }

  /** The series, or what is wrong with its labels. */
  #seriesOf(key: string): FileSeries | string {
    if (key === this.#lastKey && this.#last !== undefined) return this.#last;
    let series = this.#series.find(key);
    if (series === undefined) {
      // What stands where bytes were no UTF-8.
      const labels: Label[] | string = key.includes('\uFFFD')
        ? 'the labels are not UTF-8'
        : readLabelSet(key);
      if (typeof labels === 'string') return labels;
      series = this.#series.add(key, labels, this.#settings.kind);
    }
    if (series.fault !== undefined) return series.fault;
    this.#lastKey = key;
    this.#last = series;
    return series;
  }

  #fault(line: number, column: number, what: string, expected: string): void {
    this.#sink.fault({ line, column, what, expected });
  }
}

function quoted(text: string): string {
  return text.length > 48 ? `${JSON.stringify(text.slice(0, 48))}…` : JSON.stringify(text);
}
