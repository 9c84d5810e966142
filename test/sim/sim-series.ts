import { SampleKind, type NativeHistogram } from '@millrace/model';
import type { TestSample } from '@millrace/transformer/testing';
import { encodeHistogram } from '@millrace/wire';
import type { Random } from './random.ts';

/** One series of a producer. */
export interface SimSeries {
  labels: Record<string, string>;
  kind: SampleKind;
  /** Its samples are native histograms. */
  isHistogram: boolean;
  /** Its samples come without a time. */
  isUntimed: boolean;
  value: number;
  sent: TestSample[];
}

interface SimMetric {
  name: string;
  kind: SampleKind;
  isHistogram?: boolean;
  isUntimed?: boolean;
}

const METRICS: readonly SimMetric[] = [
  { name: 'gauge', kind: SampleKind.gauge },
  { name: 'counter', kind: SampleKind.cumulative },
  { name: 'unknown', kind: SampleKind.unknown },
  { name: 'sums', kind: SampleKind.delta },
  { name: 'order', kind: SampleKind.event },
  { name: 'click', kind: SampleKind.event },
  { name: 'latency', kind: SampleKind.cumulative, isHistogram: true },
  { name: 'level', kind: SampleKind.gauge, isHistogram: true },
  { name: 'pulse', kind: SampleKind.gauge, isUntimed: true },
  { name: 'hit', kind: SampleKind.event, isUntimed: true },
];

/** Of remote write's hints: it goes up and down. */
const RESET_HINT_GAUGE = 3;

/** Series of each kind. Those without a time belong to nobody: all producers send them. */
export function simSeriesOf(producer: number): SimSeries[] {
  const left = producer % 2 === 0 ? 'level' : 'latency';
  return METRICS.filter(({ name }) => name !== left).map(
    ({ name, kind, isHistogram = false, isUntimed = false }) => ({
      labels: isUntimed
        ? { __name__: name, job: 'a' }
        : { __name__: name, job: producer % 2 === 0 ? 'a' : 'b', instance: `i${producer}` },
      ...{ kind, isHistogram, isUntimed, value: 0, sent: [] },
    }),
  );
}

/** Of the producer that leaves nothing out: counters, which have increases. */
export function steadySeriesOf(count: number): SimSeries[] {
  return Array.from({ length: count }, (_, i) => ({
    labels: { __name__: 'steady', job: i % 2 === 0 ? 'a' : 'b', instance: `s${i}` },
    ...{ kind: SampleKind.cumulative, isHistogram: false, isUntimed: false, value: 0, sent: [] },
  }));
}

/** What a series has at a time. `serial` tells samples apart that nothing else does. */
export function nextSample(
  series: SimSeries,
  { random, timeUs, serial }: { random: Random; timeUs: number; serial: () => number },
): TestSample {
  const { labels, kind } = series;
  if (series.isUntimed) return { labels, kind, timeUs, value: serial(), untimed: true };
  if (series.isHistogram) return nextHistogram(series, random, timeUs);
  const sample: TestSample = { labels, kind, timeUs, value: random.int(100) };
  if (kind === SampleKind.cumulative || kind === SampleKind.unknown) {
    series.value = random.chance(0.03) ? 1 : series.value + random.int(9);
    sample.value = series.value;
  }
  if (kind === SampleKind.unknown && random.chance(0.03)) {
    Object.assign(sample, { stale: true, value: NaN });
  }
  if (labels['__name__'] === 'order') sample.id = `o${labels['instance']}/${timeUs}`;
  // Nothing but its time tells it from others in the log: each has its own.
  if (labels['__name__'] === 'click') sample.timeUs += 1000 * serial();
  return sample;
}

/** The same at the same time, with another value. */
export function contradicting(sample: TestSample): TestSample {
  const value = sample.value + 1000;
  const { kind, histogram } = sample;
  if (histogram === undefined) return { ...sample, value };
  return { ...sample, value, histogram: histogramBytes(kind, value) };
}

function nextHistogram(series: SimSeries, random: Random, timeUs: number): TestSample {
  const { labels, kind } = series;
  series.value = kind === SampleKind.gauge ? random.int(20) : series.value + random.int(9);
  const stale = random.chance(0.05);
  const value = stale ? NaN : series.value;
  const histogram = histogramBytes(kind, value);
  return { labels, kind, timeUs, value, histogram, ...(stale ? { stale } : {}) };
}

function histogramBytes(kind: SampleKind | undefined, sum: number): Uint8Array {
  return encodeHistogram(simHistogram(kind, sum));
}

/** A histogram whose sum tells all the rest. */
export function simHistogram(kind: SampleKind | undefined, sum: number): NativeHistogram {
  const low = Number.isNaN(sum) ? 0 : Math.floor(sum / 3);
  const high = Number.isNaN(sum) ? 0 : sum - low;
  return {
    float: false,
    count: BigInt(low + high),
    sum,
    schema: 1,
    zeroThreshold: 0.001,
    zeroCount: 0n,
    ...{ negativeSpans: [], negativeDeltas: [], negativeCounts: [], positiveCounts: [] },
    positiveSpans: [{ offset: 0, length: 2 }],
    positiveDeltas: [BigInt(low), BigInt(high - low)],
    resetHint: kind === SampleKind.gauge ? RESET_HINT_GAUGE : 0,
    customValues: [],
  };
}
