import { METRIC_NAME_LABEL, type Label, type LabelSet, type SampleKind } from '@millrace/model';
import { canonicalLabels, checkLabels, type LabelLimits } from '@millrace/wire';

/** A series that samples of a file belong to. */
export class FileSeries {
  readonly labels: LabelSet;
  readonly kind: SampleKind;
  /** Why no receiver would take samples of it, as a clause. */
  readonly fault: string | undefined;
  /** About what its labels take in a request. */
  readonly bytes: number;
  /** The stretch that it has a number in, and the number. */
  stretch: number = -1;
  number: number = 0;
  /** The text that names it in the file, and how often the cache had forgotten all before it. */
  key: string = '';
  forgotten: number = 0;
  /** For whoever counts windows: the one of its last sample. */
  window: number = NaN;

  constructor(labels: readonly Label[], kind: SampleKind, limits?: LabelLimits) {
    this.labels = canonicalLabels(labels);
    this.kind = kind;
    this.fault = checkLabels(this.labels, limits)?.detail;
    let bytes = 16;
    for (const [name, value] of this.labels) bytes += 3 * (name.length + value.length) + 10;
    this.bytes = bytes;
  }
}

export interface SeriesCacheSettings {
  seriesMax: number;
  /** Of keys and labels, roughly. */
  bytesMax: number;
}

export const SERIES_CACHE_DEFAULTS: SeriesCacheSettings = {
  seriesMax: 200_000,
  bytesMax: 128 * 1024 * 1024,
};

/**
 * The series of a file by the text that names them there. Bounded: beyond, all are forgotten. Then
 * one that comes again is another object of the same key.
 */
export class SeriesCache {
  readonly #settings: SeriesCacheSettings;
  readonly #added: readonly Label[];
  readonly #series = new Map<string, FileSeries>();
  #bytes = 0;
  #forgotten = 0;

  constructor(
    settings: SeriesCacheSettings = SERIES_CACHE_DEFAULTS,
    /** Labels that every series gets, unless it has one of that name. */
    added: readonly Label[] = [],
  ) {
    this.#settings = settings;
    this.#added = added;
  }

  find(key: string): FileSeries | undefined {
    return this.#series.get(key);
  }

  add(key: string, labels: readonly Label[], kind: SampleKind): FileSeries {
    const names = new Set(labels.map(([name]) => name));
    const added = this.#added.filter(([name]) => !names.has(name));
    const series = new FileSeries([...labels, ...added], kind);
    this.#bytes += series.bytes + 2 * key.length + ENTRY_BYTES;
    const { seriesMax, bytesMax } = this.#settings;
    if (this.#series.size >= seriesMax || this.#bytes > bytesMax) {
      this.#series.clear();
      this.#bytes = series.bytes;
      this.#forgotten += 1;
    }
    series.key = key;
    series.forgotten = this.#forgotten;
    this.#series.set(key, series);
    return series;
  }
}

const ENTRY_BYTES = 200;

/** The metric's name as a label. */
export function nameLabel(name: string): Label {
  return [METRIC_NAME_LABEL, name];
}
