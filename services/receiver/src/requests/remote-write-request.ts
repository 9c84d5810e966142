import {
  SampleFlag,
  SampleKind,
  TIME_US_MAX,
  type Label,
  type NativeHistogram,
} from '@millrace/model';
import {
  canonicalLabels,
  checkLabels,
  DecodeError,
  decodeLabels,
  encodeHistogram,
  type ExpectedRun,
  type LabelLimits,
  type MetricMetadata,
  type Rejection,
  type RemoteWriteSink,
  type WriteRequestLimits,
} from '@millrace/wire';
import type { PlainSample } from '../parts/layout-columns.ts';
import type { SeriesColumn } from '../parts/layout.ts';
import type { CutRequest, PartCutter } from '../parts/part-cutter.ts';
import type { RequestDraft } from './request-draft.ts';
import { UNKNOWN_SERIES, type SeriesCache } from '../series/series-cache.ts';
import type { SeriesNumber } from '../series/series-table.ts';

/** `NativeHistogram.resetHint` of one that goes up and down. */
const RESET_HINT_GAUGE = 3;
const US_PER_MS = 1000;

/** Takes a remote write 1.0 request from the decoder into a draft. */
export class RemoteWriteRequest implements RemoteWriteSink {
  readonly #draft: RequestDraft;
  readonly #cutter: PartCutter;
  readonly #cache: SeriesCache;
  readonly #labelLimits: LabelLimits;
  readonly #histogramBytesMax: number;
  /** UNKNOWN_SERIES while the series is one that is refused. */
  #series: SeriesNumber = UNKNOWN_SERIES;
  #fault: Rejection = NO_SERIES;
  /** Samples of the request so far. */
  #ordinal = 0;
  /** The first of them, while there is nothing else. */
  #first: PlainSample | undefined;
  /** Whether all that came so far are plain samples. */
  #isPlain = true;
  /** Of a request that came before, and whose layout is not known yet. */
  #learnable: SeriesColumn | undefined;

  constructor(
    params: Readonly<{
      draft: RequestDraft;
      cutter: PartCutter;
      labelLimits: LabelLimits;
      histogramBytesMax: number;
    }>,
  ) {
    this.#draft = params.draft;
    this.#cutter = params.cutter;
    this.#cache = params.cutter.series;
    this.#labelLimits = params.labelLimits;
    this.#histogramBytesMax = params.histogramBytesMax;
  }

  series(bytes: Uint8Array, start: number, end: number): void {
    const known = this.#cache.find(bytes, start, end);
    this.#series = known === UNKNOWN_SERIES ? this.#learn(bytes, start, end) : known;
  }

  expect(bytes: Uint8Array, start: number, end: number): number {
    return this.#cache.expect(bytes, start, end);
  }

  expectedRun(
    bytes: Uint8Array,
    start: number,
    limits: Pick<WriteRequestLimits, 'seriesMax' | 'samplesMax'>,
  ): number {
    for (let at = start; ;) {
      const run = this.#cache.expectedRun(bytes, at);
      if (run === undefined || run.series === 0) return at;
      limits.seriesMax -= run.series;
      limits.samplesMax -= run.samples;
      at = run.stoppedAt;
      const isAll = at === bytes.length;
      if (!isAll || !this.#laidOut(run)) {
        this.#draft.run(this.#ordinal, SampleKind.unknown, run);
      }
      this.#ordinal += run.samples;
      if (isAll) return at;
    }
  }

  /** How the request was cut, so that the next one of the same series can be laid out. */
  cut({ drafts }: CutRequest): void {
    const series = this.#learnable;
    if (series === undefined || this.#draft.accepted !== series.samples) return;
    this.#cutter.runLayouts.learn(series, drafts);
  }

  /** Takes the run, which is the rest of the request, with what is before it, by a known layout. */
  #laidOut(run: ExpectedRun): boolean {
    const first = this.#first;
    const draft = this.#draft;
    if (first === undefined || this.#ordinal !== 1 || draft.accepted !== 1) return false;
    const { runLayouts } = this.#cutter;
    const series = runLayouts.seriesOf(first, run);
    const layout = runLayouts.find(series);
    if (layout === undefined) {
      if (runLayouts.isAgain(series)) this.#learnable = series;
      return false;
    }
    return draft.laidOutRun(layout, { first, run, columns: runLayouts.columns });
  }

  expectedSeries(): void {
    this.#series = this.#cache.takeExpected();
  }

  sample(timestampMs: number, value: number, stale: boolean): void {
    const ordinal = this.#ordinal;
    this.#ordinal += 1;
    const series = this.#series;
    if (series === UNKNOWN_SERIES) {
      this.#draft.reject(this.#fault.reason, ordinal, this.#faultDetail);
      return;
    }
    const timeUs = timestampMs * US_PER_MS;
    if (ordinal === 0 && this.#isPlain && !stale) this.#first = { series, timeUs, value };
    const flags = stale ? SampleFlag.stale : 0;
    this.#draft.plain(ordinal, series, SampleKind.unknown, timeUs, value, flags);
  }

  histogram(timestampMs: number, histogram: NativeHistogram, stale: boolean): void {
    this.#beside();
    const ordinal = this.#ordinal;
    this.#ordinal += 1;
    const series = this.#series;
    if (series === UNKNOWN_SERIES) {
      this.#draft.reject(this.#fault.reason, ordinal, this.#faultDetail);
      return;
    }
    const bytes = encodeHistogram(histogram);
    if (bytes.length > this.#histogramBytesMax) {
      this.#draft.reject('sample_too_large', ordinal, () => {
        return `the histogram takes ${bytes.length} bytes, the limit is ${this.#histogramBytesMax}`;
      });
      return;
    }
    const kind =
      histogram.resetHint === RESET_HINT_GAUGE ? SampleKind.gauge : SampleKind.cumulative;
    const flags = stale ? SampleFlag.stale : 0;
    const value = stale ? Number.NaN : histogram.sum;
    const timeUs = timestampMs * US_PER_MS;
    this.#draft.sample(ordinal, series, kind, timeUs, value, flags, { histogram: bytes });
  }

  invalidHistogram(_timestampMs: number, detail: string): void {
    this.#beside();
    const ordinal = this.#ordinal;
    this.#ordinal += 1;
    if (this.#series === UNKNOWN_SERIES) {
      this.#draft.reject(this.#fault.reason, ordinal, this.#faultDetail);
    } else {
      this.#draft.reject('histogram_invalid', ordinal, () => detail);
    }
  }

  exemplar(timestampMs: number, value: number, labels: Label[]): void {
    this.#beside();
    const series = this.#series;
    const timeUs = timestampMs * US_PER_MS;
    // A time that no record can carry exactly: nothing further on could store it.
    if (series === UNKNOWN_SERIES || !(Math.abs(timeUs) <= TIME_US_MAX)) {
      this.#draft.exemplarsDropped += 1;
      return;
    }
    this.#draft.exemplar(series, SampleKind.unknown, {
      timeUs,
      value,
      labels: labels.map(([name, text]): [string, string] => [name, text]),
    });
  }

  metadata(metadata: MetricMetadata): void {
    this.#beside();
    const { metric, type, help, unit } = metadata;
    const bytes = Buffer.byteLength(metric + type + help + unit) + 32;
    this.#cutter.placeMetadata(metadata, bytes);
  }

  /** What came is no plain sample: then the request is not laid out. */
  #beside(): void {
    this.#isPlain = false;
    this.#first = undefined;
  }

  /** A series that the cache does not hold: its labels are read, checked and remembered. */
  #learn(bytes: Uint8Array, start: number, end: number): SeriesNumber {
    const labels = this.#decode(bytes, start, end);
    if (labels === undefined) return UNKNOWN_SERIES;
    const canonical = canonicalLabels(labels);
    const fault = checkLabels(canonical, this.#labelLimits);
    if (fault !== undefined) {
      this.#fault = fault;
      return UNKNOWN_SERIES;
    }
    return this.#cache.add(bytes, start, end, canonical);
  }

  #decode(bytes: Uint8Array, start: number, end: number): Label[] | undefined {
    try {
      return decodeLabels(bytes, start, end);
    } catch (error) {
      // What is wrong with the message is wrong with the whole request; what is wrong with a
      // text, or with how many there are, is the fault of this series alone.
      if (!(error instanceof DecodeError) || error.reason === 'malformed_protobuf') throw error;
      this.#fault = { reason: error.reason, detail: error.detail };
      return undefined;
    }
  }

  readonly #faultDetail = (): string => this.#fault.detail;
}

const NO_SERIES: Rejection = { reason: 'missing_name', detail: 'the sample has no series' };
