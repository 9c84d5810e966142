/** Prometheus' words for the types of MetricMetadata, by their number on the wire. */
export const METRIC_TYPES: readonly string[] = [
  'unknown',
  'counter',
  'gauge',
  'histogram',
  'gaugehistogram',
  'summary',
  'info',
  'stateset',
];
