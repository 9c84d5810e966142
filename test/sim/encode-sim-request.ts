import { SAMPLE_KIND_NAMES, SampleKind } from '@millrace/model';
import { labelSetOf, type TestSample } from '@millrace/transformer/testing';
import { compressSnappy, encodeWriteRequest, type WriteSeries } from '@millrace/wire';
import type { SimRequest } from './workload.ts';

/** The request's bytes as its producer sends them: remote write what has no kind, JSON the rest. */
export function encodeSimRequest(
  samples: readonly TestSample[],
): Pick<SimRequest, 'protocol' | 'body'> {
  if (samples.every(({ kind }) => kind === SampleKind.unknown)) {
    const series = samples.map(({ labels, timeUs, value, stale = false }): WriteSeries => {
      return { labels: labelSetOf(labels), samples: [[timeUs / 1000, value, stale]] };
    });
    return { protocol: 'remote_write.v1', body: compressSnappy(encodeWriteRequest(series)) };
  }
  const rows = samples.map(({ labels: { __name__: name, ...labels }, ...sample }) => {
    const { kind = SampleKind.gauge, timeUs, value, id } = sample;
    return { name, labels, kind: SAMPLE_KIND_NAMES[kind], time: timeUs / 1000, value, id };
  });
  return { protocol: 'events.json', body: Buffer.from(JSON.stringify(rows)) };
}
