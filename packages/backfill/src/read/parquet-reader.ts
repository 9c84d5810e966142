import { SampleKind, TIME_US_MAX, type Label } from '@millrace/model';
import type { SampleColumns } from './columns.ts';
import { nameLabel, type FileSeries } from './file-series.ts';
import { EVENTS_EXPECTED, KIND_NAMES, kindOf } from './kind-names.ts';
import { ParquetTime } from './parquet-time.ts';
import type { ReadSettings } from './read-settings.ts';
import type { ReaderParts } from './reader-parts.ts';
import type { ReadTime } from './sample-time.ts';
import { readValue, VALUE_EXPECTED } from './sample-value.ts';

type ReadColumns = ReadonlyMap<string, ArrayLike<unknown>>;

/** Rows of Parquet as samples; rows are counted from 0, and lines of faults with them. */
export class ParquetReader {
  readonly #parts: ReaderParts;
  readonly #settings: ReadSettings;
  readonly #columns: SampleColumns;
  /** The columns that are read. */
  readonly names: readonly string[];
  #lastKey = '';
  #last: FileSeries | undefined;

  constructor(parts: ReaderParts, settings: ReadSettings, columns: SampleColumns) {
    this.#parts = parts;
    this.#settings = settings;
    this.#columns = columns;
    const { time, value, metric, kind, labels } = columns;
    this.names = [time, value, ...[metric, kind].filter((one) => one !== undefined), ...labels];
  }

  /** Rows [from, until), of columns that begin at row `start`. */
  rows(
    read: ReadColumns,
    { start, from, until }: Readonly<{ start: number; from: number; until: number }>,
  ): void {
    const { sink } = this.#parts;
    const times = read.get(this.#columns.time)!;
    const values = read.get(this.#columns.value)!;
    for (let row = from; row < until; row += 1) {
      this.#row(row, times[row - start], values[row - start], (name) => {
        return read.get(name)![row - start];
      });
      sink.recordEnd(row + 1, row + 2);
    }
  }

  #row(row: number, rawTime: unknown, rawValue: unknown, at: (name: string) => unknown): void {
    const { time, value } = this.#columns;
    const timeUs = this.#timeOf(rawTime);
    if (typeof timeUs === 'object') return this.#fault(row, time, timeUs.what, timeUs.expected);
    const number = valueOf(rawValue);
    if (number === undefined) {
      return this.#fault(row, value, `the value is ${shown(rawValue)}`, VALUE_EXPECTED);
    }
    const series = this.#seriesOf(at);
    if (typeof series === 'string') return this.#fault(row, undefined, series, 'other labels');
    if (series.fault !== undefined) {
      return this.#fault(row, undefined, series.fault, 'other names and labels');
    }
    if (series.kind === SampleKind.event) {
      return this.#fault(row, this.#columns.kind, 'it is an event', EVENTS_EXPECTED);
    }
    this.#parts.sink.sample(series, timeUs, number, false);
  }

  #timeOf(raw: unknown): ReadTime {
    if (raw instanceof ParquetTime) {
      if (raw.us >= 0 && raw.us <= TIME_US_MAX) return raw.us;
      return { what: `the time is ${raw.us} µs`, expected: 'one from 1970 to 2255' };
    }
    const { time } = this.#parts;
    if (typeof raw === 'number') return time.number(raw);
    if (typeof raw === 'bigint' || typeof raw === 'string') return time.text(String(raw));
    return { what: `the time is ${shown(raw)}`, expected: 'a timestamp, Unix time or RFC 3339' };
  }

  /** The series, or what is wrong with it. */
  #seriesOf(at: (name: string) => unknown): FileSeries | string {
    const { metric, kind, labels } = this.#columns;
    const pairs: Label[] = [];
    for (const name of labels) {
      if (!addLabels(pairs, name, at(name))) return `the label ${name} is ${shown(at(name))}`;
    }
    const named = metric === undefined ? this.#settings.metric! : at(metric);
    if (typeof named !== 'string') return `the metric is ${shown(named)}`;
    const kindName = kind === undefined ? undefined : at(kind);
    const key = `${named}\0${shown(kindName)}\0${pairs.flat().join('\0')}`;
    if (key === this.#lastKey && this.#last !== undefined) return this.#last;
    const { series: cache } = this.#parts;
    let series = cache.find(key);
    if (series === undefined) {
      const isNamed = typeof kindName === 'string';
      const known = isNamed ? kindOf(kindName) : this.#settings.kind;
      if (known === undefined) return `the kind is ${shown(kindName)}, none of ${KIND_NAMES}`;
      series = cache.add(key, [nameLabel(named), ...pairs], known);
    }
    this.#lastKey = key;
    this.#last = series;
    return series;
  }

  #fault(row: number, column: string | undefined, what: string, expected: string): void {
    this.#parts.sink.fault({ line: row + 1, column, what, expected });
  }
}

function valueOf(raw: unknown): number | undefined {
  if (typeof raw === 'number') return raw;
  if (typeof raw === 'bigint') return Number(raw);
  if (typeof raw === 'boolean') return raw ? 1 : 0;
  return typeof raw === 'string' ? readValue(raw) : undefined;
}

/** Adds what a column says: a label, several of a map, or none. False: it cannot be one. */
function addLabels(into: Label[], name: string, raw: unknown): boolean {
  switch (typeof raw) {
    case 'string':
      into.push([name, raw]);
      return true;
    case 'number':
    case 'bigint':
    case 'boolean':
      into.push([name, String(raw)]);
      return true;
    case 'undefined':
      return true;
    case 'object':
      return raw === null || addMap(into, raw);
    default:
      return false;
  }
}

function addMap(into: Label[], raw: object): boolean {
  if (raw instanceof ParquetTime || ArrayBuffer.isView(raw)) return false;
  const entries: [unknown, unknown][] = Array.isArray(raw)
    ? raw.map((one: Readonly<{ key?: unknown; value?: unknown }>) => [one.key, one.value])
    : Object.entries(raw);
  return entries.every(([name, value]) => {
    const isNested = typeof value === 'object' && value !== null;
    return typeof name === 'string' && !isNested && addLabels(into, name, value);
  });
}

function shown(raw: unknown): string {
  if (raw === undefined || raw === null) return 'missing';
  if (typeof raw === 'string') return JSON.stringify(raw.slice(0, 48));
  if (typeof raw === 'number' || typeof raw === 'bigint' || typeof raw === 'boolean') {
    return String(raw);
  }
  return 'of a type that cannot be read';
}
