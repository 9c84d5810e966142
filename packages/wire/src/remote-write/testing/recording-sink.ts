import type { Label, NativeHistogram } from '@millrace/model';
import type { MetricMetadata } from '../../events-record.ts';
import { decodeLabels } from '../decode-labels.ts';
import { decodeWriteRequest, type WriteRequestLimits } from '../decode-write-request.ts';
import type { RemoteWriteSink } from '../remote-write-sink.ts';

/** What a decoder told, call by call. */
export type Told =
  | ['series', Label[]]
  | ['sample', timestampMs: number, value: number, stale: boolean]
  | ['histogram', timestampMs: number, histogram: NativeHistogram, stale: boolean]
  | ['invalid histogram', timestampMs: number, detail: string]
  | ['exemplar', timestampMs: number, value: number, labels: Label[]]
  | ['metadata', MetricMetadata];

export function recordingSink(told: Told[]): RemoteWriteSink {
  return {
    series: (bytes, start, end) => told.push(['series', decodeLabels(bytes, start, end)]),
    sample: (...sample) => told.push(['sample', ...sample]),
    histogram: (...histogram) => told.push(['histogram', ...histogram]),
    invalidHistogram: (...invalid) => told.push(['invalid histogram', ...invalid]),
    exemplar: (...exemplar) => told.push(['exemplar', ...exemplar]),
    metadata: (metadata) => told.push(['metadata', metadata]),
  };
}

/** Everything a request tells. */
export function decodeAll(body: Uint8Array, limits?: WriteRequestLimits): Told[] {
  const told: Told[] = [];
  decodeWriteRequest(body, recordingSink(told), limits);
  return told;
}
