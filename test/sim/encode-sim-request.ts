import { SAMPLE_KIND_NAMES, SampleKind } from '@millrace/model';
import { labelSetOf, type TestSample } from '@millrace/transformer/testing';
import {
  compressSnappy,
  decodeHistogram,
  encodeWriteRequest,
  type MetricMetadata,
  type WriteSeries,
} from '@millrace/wire';
import { isRemote, type SimBesides } from './sim-besides.ts';
import type { SimRequest } from './workload.ts';

/** The request's bytes as its producer sends them: by remote write or as JSON. */
export function encodeSimRequest(
  samples: readonly TestSample[],
  { exemplars, metadata }: SimBesides,
): Pick<SimRequest, 'protocol' | 'body'> {
  if (samples.every(isRemote)) {
    const series: WriteSeries[] = samples.map(writeSeriesOf);
    for (const { labels, timeUs, value, tells } of exemplars) {
      const one = { timestampMs: timeUs / 1000, value, labels: tells };
      series.push({ labels: labelSetOf(labels), samples: [], exemplars: [one] });
    }
    return { protocol: 'remote_write.v1', body: writeRequest(series, metadata) };
  }
  const rows = samples.map(({ labels: { __name__: name, ...labels }, ...sample }) => {
    const { kind = SampleKind.gauge, timeUs, value, id, untimed } = sample;
    const time = untimed === true ? undefined : timeUs / 1000;
    return { name, labels, kind: SAMPLE_KIND_NAMES[kind], time, value, id };
  });
  return { protocol: 'events.json', body: Buffer.from(JSON.stringify(rows)) };
}

function writeSeriesOf({
  labels,
  timeUs,
  value,
  stale = false,
  histogram,
}: TestSample): WriteSeries {
  const timestampMs = timeUs / 1000;
  const one = { labels: labelSetOf(labels) };
  if (histogram === undefined) return { ...one, samples: [[timestampMs, value, stale]] };
  const sent = { timestampMs, histogram: decodeHistogram(histogram), stale };
  return { ...one, samples: [], histograms: [sent] };
}

function writeRequest(
  series: readonly WriteSeries[],
  metadata: readonly MetricMetadata[],
): Uint8Array {
  return compressSnappy(encodeWriteRequest(series, metadata));
}
