import type { MetricMetadata } from '../../events/events-record.ts';
import type { WriteSeries } from '../encode-write-request.ts';
import type { Told } from './recording-sink.ts';

/** What a decoder tells of a request, in the order in which encoders write it. */
export function toldOf(
  sent: readonly WriteSeries[],
  sentMetadata: readonly MetricMetadata[],
): Told[] {
  return [
    ...sent.flatMap((one): Told[] => [
      ['series', one.labels.map(([name, value]) => [name, value])],
      ...one.samples.map(([timestampMs, value, stale = false]): Told => [
        'sample',
        timestampMs,
        value,
        stale,
      ]),
      ...(one.exemplars ?? []).map((exemplar): Told => [
        'exemplar',
        exemplar.timestampMs,
        exemplar.value,
        [...exemplar.labels],
      ]),
      ...(one.histograms ?? []).map((sample): Told => [
        'histogram',
        sample.timestampMs,
        sample.histogram,
        sample.stale ?? false,
      ]),
    ]),
    ...sentMetadata.map((one): Told => ['metadata', one]),
  ];
}
