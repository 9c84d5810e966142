import assert from 'node:assert/strict';
import type { Label, NativeHistogram } from '@millrace/model';
import type { MetricMetadata } from '../../events/events-record.ts';
import { decodeLabels } from '../decode-labels.ts';
import { decodeWriteRequest } from '../decode-write-request.ts';
import type { RemoteWriteSink } from '../remote-write-sink.ts';
import type { WriteRequestLimits } from '../write-request-limits.ts';

/** What a decoder told, call by call. */
export type Told =
  | ['series', Label[]]
  | ['sample', timestampMs: number, value: number, stale: boolean]
  | ['histogram', timestampMs: number, histogram: NativeHistogram, stale: boolean]
  | ['invalid histogram', timestampMs: number, detail: string]
  | ['exemplar', timestampMs: number, value: number, labels: Label[]]
  | ['metadata', MetricMetadata];

/**
 * Records what it is told. It expects the series whose Label fields are in `runs`, in that order,
 * and adds those that it was told and did not expect.
 */
export function recordingSink(told: Told[], runs: Uint8Array[] = []): RemoteWriteSink {
  let next = 0;
  return {
    series: (bytes, start, end) => {
      runs.splice(next, 1, Uint8Array.from(bytes.subarray(start, end)));
      next += 1;
      told.push(['series', decodeLabels(bytes, start, end)]);
    },
    expect: (bytes, start, end) => {
      const run = runs[next];
      if (run === undefined || run.length === 0 || run.length > end - start) return -1;
      const runEnd = start + run.length;
      return run.every((byte, i) => byte === bytes[start + i]) ? runEnd : -1;
    },
    expectedSeries: () => {
      const run = runs[next]!;
      next += 1;
      told.push(['series', decodeLabels(run, 0, run.length)]);
    },
    sample: (...sample) => told.push(['sample', ...sample]),
    histogram: (...histogram) => told.push(['histogram', ...histogram]),
    invalidHistogram: (...invalid) => told.push(['invalid histogram', ...invalid]),
    exemplar: (...exemplar) => told.push(['exemplar', ...exemplar]),
    metadata: (metadata) => told.push(['metadata', metadata]),
  };
}

/** Everything a request tells: the first time, and again when all of it is expected. */
export function decodeAll(body: Uint8Array, limits?: WriteRequestLimits): Told[] {
  const told: Told[] = [];
  const runs: Uint8Array[] = [];
  decodeWriteRequest(body, recordingSink(told, runs), limits);
  const again: Told[] = [];
  decodeWriteRequest(body, recordingSink(again, runs), limits);
  assert.deepStrictEqual(again, told);
  return told;
}
