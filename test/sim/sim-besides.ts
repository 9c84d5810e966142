import { SampleKind } from '@millrace/model';
import type { OracleExemplar, TestSample } from '@millrace/transformer/testing';
import type { MetricMetadata } from '@millrace/wire';
import type { Random } from './random.ts';

/** What a request holds beside its samples. */
export interface SimBesides {
  exemplars: readonly OracleExemplar[];
  metadata: readonly MetricMetadata[];
}

const NOTHING: SimBesides = { exemplars: [], metadata: [] };
const METRICS = ['unknown', 'latency', 'level'];

/** What remote write carries beside samples; other protocols carry nothing. */
export function besidesOf(
  samples: readonly TestSample[],
  { random, serial }: { random: Random; serial: () => number },
): SimBesides {
  if (!samples.every(isRemote)) return NOTHING;
  const exemplars = samples
    .filter(() => random.chance(0.1))
    .map((sample): OracleExemplar => {
      const { labels, timeUs } = sample;
      // Its trace alone tells it from others: nothing is deduplicated by it.
      return { labels, timeUs, value: random.int(100), tells: [['trace_id', `t${serial()}`]] };
    });
  const metadata = METRICS.filter(() => random.chance(0.1)).map((metric): MetricMetadata => {
    const help = `in its ${random.int(3)}. words`;
    return { metric, type: random.pick(['counter', 'histogram']), help, unit: 's' };
  });
  return { exemplars, metadata };
}

/** Whether remote write carries it: what has no kind, and native histograms. */
export function isRemote({ kind, histogram }: TestSample): boolean {
  return kind === SampleKind.unknown || histogram !== undefined;
}

export function exemplarKey({ labels, timeUs, value, tells }: OracleExemplar): string {
  return JSON.stringify([
    'exemplar',
    timeUs,
    value,
    tells,
    ...Object.entries(labels).flat().sort(),
  ]);
}

export function metadataKey({ metric, type, help, unit }: MetricMetadata): string {
  return JSON.stringify(['metadata', metric, type, help, unit]);
}
