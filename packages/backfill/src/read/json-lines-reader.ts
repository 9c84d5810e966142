import { isUtf8 } from 'node:buffer';
import { SampleKind } from '@millrace/model';
import { DEFAULT_PUSH_LIMITS, JSON_FORM, readSample, type PushLimits } from '@millrace/wire';
import type { FileSeries, SeriesCache } from './file-series.ts';
import { EVENTS_EXPECTED } from './kind-names.ts';
import type { FilePlace, RecordSink } from './record-sink.ts';
import type { SampleTime } from './sample-time.ts';
import type { ReadSettings } from './read-settings.ts';
import type { ReaderParts } from './reader-parts.ts';
import { takeLines } from './take-lines.ts';
import type { TextReader } from './text-file.ts';

const EXPECTED =
  'an object as POST /v1/events takes it: {"name": "up", "labels": {"job": "a"}, "value": 1, ' +
  '"time": "2026-11-29T12:00:00Z"}';

/** One sample a line, as `POST /v1/events` takes it. */
export class JsonLinesReader implements TextReader {
  readonly #sink: RecordSink;
  readonly #series: SeriesCache;
  readonly #settings: ReadSettings;
  readonly #time: SampleTime;
  readonly #limits: PushLimits = DEFAULT_PUSH_LIMITS;

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
    const text = bytes.toString('utf8').trim();
    if (text === '' || text === '\uFEFF') return;
    if (!isUtf8(bytes)) return this.#fault(line, 'the line is not UTF-8', 'text in UTF-8');
    let raw: unknown;
    try {
      raw = JSON.parse(text);
    } catch (error) {
      const what = error instanceof Error ? error.message : String(error);
      return this.#fault(line, `no JSON: ${what}`, EXPECTED);
    }
    this.#object(raw, line);
  }

  #object(raw: unknown, line: number): void {
    const { metric } = this.#settings;
    if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
      return this.#fault(line, 'it is no object', EXPECTED);
    }
    const given: Record<string, unknown> = { ...raw };
    const { time } = given;
    if (time === undefined) {
      return this.#fault(line, 'there is no field time', 'the time that the sample had');
    }
    const timeUs = typeof time === 'number' ? this.#time.number(time) : this.#timeText(time);
    if (typeof timeUs === 'object') return this.#fault(line, timeUs.what, timeUs.expected);
    const named = metric === undefined || 'name' in given ? {} : { name: metric };
    const sample = readSample({ ...given, ...named, time: 0 }, JSON_FORM, this.#limits);
    if ('reason' in sample) return this.#fault(line, sample.detail, EXPECTED);
    if (sample.kind === SampleKind.event || sample.id !== undefined) {
      return this.#fault(line, 'it is an event', EVENTS_EXPECTED);
    }
    const kind = given['kind'] === undefined ? this.#settings.kind : sample.kind;
    const series = this.#seriesOf(sample.labels, kind);
    if (series.fault !== undefined) return this.#fault(line, series.fault, 'other labels');
    this.#sink.sample(series, timeUs, sample.value, false);
  }

  #timeText(time: unknown): ReturnType<SampleTime['text']> {
    if (typeof time === 'string') return this.#time.text(time);
    const expected = 'Unix time or RFC 3339, as 1795953600000 or "2026-11-29T12:00:00Z"';
    return { what: `the time is ${JSON.stringify(time)}`, expected };
  }

  #seriesOf(labels: readonly (readonly [string, string])[], kind: SampleKind): FileSeries {
    const key = `${kind} ${JSON.stringify(labels)}`;
    return this.#series.find(key) ?? this.#series.add(key, labels, kind);
  }

  #fault(line: number, what: string, expected: string): void {
    this.#sink.fault({ line, column: undefined, what, expected });
  }
}
