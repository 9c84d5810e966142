import type { TimeUs } from '@millrace/model';
import type { FileSeries } from '../read/file-series.ts';
import type { FilePlace } from '../read/record-sink.ts';
import type { Stretch, StretchColumns, StretchSettings } from './stretch.ts';

/** Cuts what is read into stretches, at ends of records. */
export class StretchCollector {
  readonly #settings: StretchSettings;
  #number: number;
  #series: FileSeries[] = [];
  /** Numbers by key; undefined: nothing was forgotten since the stretch began. */
  #numbers: Map<string, number> | undefined;
  #columns: StretchColumns;
  #labelBytes = 0;

  constructor(settings: StretchSettings, first: number) {
    this.#settings = settings;
    this.#number = first;
    this.#columns = columnsOf(settings.samplesMax);
  }

  sample(series: FileSeries, timeUs: TimeUs, value: number, isStale: boolean): void {
    if (series.stretch !== this.#number) this.#meet(series);
    const columns = this.#columns;
    if (columns.count === columns.times.length) this.#columns = grown(columns);
    const { count } = columns;
    const into = this.#columns;
    into.series[count] = series.number;
    into.times[count] = timeUs;
    into.values[count] = value;
    into.stale[count] = isStale ? 1 : 0;
    into.count = count + 1;
  }

  /** The stretch that ends here, if it is long enough. */
  recordEnd(place: FilePlace): Stretch | undefined {
    const { samplesMax, labelBytesMax } = this.#settings;
    const isFull = this.#columns.count >= samplesMax || this.#labelBytes >= labelBytesMax;
    return isFull ? this.#close(place) : undefined;
  }

  /** What is left at the end of the file. */
  end(place: FilePlace): Stretch | undefined {
    return this.#columns.count === 0 ? undefined : this.#close(place);
  }

  /**
   * When series are forgotten depends on where reading began, and a stretch must not: what is sent
   * of it has the same names each time. So one that was forgotten meanwhile keeps its number.
   */
  #meet(series: FileSeries): void {
    const [first] = this.#series;
    if (first !== undefined && first.forgotten !== series.forgotten) {
      this.#numbers ??= new Map(this.#series.map(({ key, number }) => [key, number]));
    }
    series.stretch = this.#number;
    series.number = this.#numbers?.get(series.key) ?? this.#series.length;
    if (series.number < this.#series.length) return;
    this.#numbers?.set(series.key, series.number);
    this.#series.push(series);
    this.#labelBytes += series.bytes;
  }

  #close(end: FilePlace): Stretch {
    const number = this.#number;
    const stretch = { number, series: this.#series, samples: this.#columns, end };
    this.#number += 1;
    this.#series = [];
    this.#numbers = undefined;
    this.#columns = columnsOf(this.#settings.samplesMax);
    this.#labelBytes = 0;
    return stretch;
  }
}

function columnsOf(capacity: number): StretchColumns {
  return {
    count: 0,
    series: new Uint32Array(capacity),
    times: new Float64Array(capacity),
    values: new Float64Array(capacity),
    stale: new Uint8Array(capacity),
  };
}

/** A record may hold several samples, and the last one of a stretch is not cut. */
function grown(columns: StretchColumns): StretchColumns {
  const into = columnsOf(2 * columns.times.length);
  into.count = columns.count;
  into.series.set(columns.series);
  into.times.set(columns.times);
  into.values.set(columns.values);
  into.stale.set(columns.stale);
  return into;
}
