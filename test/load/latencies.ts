import { build, type Histogram } from 'hdr-histogram-js';

/** Milliseconds, to the microsecond. */
export interface LatencySummary {
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

const US_PER_MS = 1000;

/** Durations, kept to three digits in bounded memory however many there are. */
export class Latencies {
  readonly #histogram: Histogram = build({
    bitBucketSize: 32,
    lowestDiscernibleValue: 1,
    highestTrackableValue: 3_600_000_000,
    numberOfSignificantValueDigits: 3,
  });

  add(ms: number): void {
    this.#histogram.recordValue(Math.max(1, Math.round(ms * US_PER_MS)));
  }

  summary(): LatencySummary {
    const at = (percentile: number): number =>
      this.#histogram.getValueAtPercentile(percentile) / US_PER_MS;
    const { totalCount: count, maxValue } = this.#histogram;
    return {
      count,
      p50: at(50),
      p95: at(95),
      p99: at(99),
      p999: at(99.9),
      max: maxValue / US_PER_MS,
    };
  }
}
