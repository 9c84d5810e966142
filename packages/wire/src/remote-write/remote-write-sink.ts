import type { Label, NativeHistogram } from '@millrace/model';
import type { MetricMetadata } from '../events/events-record.ts';
import type { WriteRequestLimits } from './write-request-limits.ts';

/**
 * Is told what a WriteRequest holds, in the order of the message. When the decoder throws, all
 * that was told before belongs to a refused request and must be forgotten.
 *
 * What a sink keeps is its own affair: a histogram takes far more memory as an object than as
 * bytes, so one that keeps it should encode it at once.
 */
export interface RemoteWriteSink {
  /**
   * A time series begins: its Label fields (with tags) are bytes[start, end) of `bytes`; when
   * they are not contiguous in the message they have been copied into one run. The bytes are
   * valid during the call only.
   */
  series(bytes: Uint8Array, start: number, end: number): void;
  /**
   * Requests of one sender look alike. Where the Label fields of the series that is likely to be
   * next end, if they are what the bytes hold from `start` on; -1 when they are not, or when they
   * would pass `end`. Nothing begins by it, and more Label fields may follow.
   */
  expect(bytes: Uint8Array, start: number, end: number): number;
  /**
   * Takes all at once, from the field at `start` on, the series that are likely to be next, as long
   * as they have nothing but usual samples. What they are is subtracted from the limits, which the
   * decoder holds them against. Where it stopped: `start`, when there is nothing to be taken so.
   */
  expectedRun?(
    bytes: Uint8Array,
    start: number,
    limits: Pick<WriteRequestLimits, 'seriesMax' | 'samplesMax'>,
  ): number;
  /** The series that `expect` found last begins. */
  expectedSeries(): void;
  /**
   * A float sample of the series. The value is NaN when stale; staleness is decided on the two
   * 32-bit halves. `timestampMs` is exact, or an infinity of its sign when it does not fit 2^53.
   */
  sample(timestampMs: number, value: number, stale: boolean): void;
  /** A valid native histogram of the series; its sum is NaN when stale. */
  histogram(timestampMs: number, histogram: NativeHistogram, stale: boolean): void;
  /** A histogram that contradicts itself: the series and its other samples stay usable. */
  invalidHistogram(timestampMs: number, detail: string): void;
  exemplar(timestampMs: number, value: number, labels: Label[]): void;
  metadata(metadata: MetricMetadata): void;
}
