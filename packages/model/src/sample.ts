/** What a series' values mean. The numbers are on the wire: never renumber. */
export const SampleKind = {
  gauge: 0,
  cumulative: 1,
  delta: 2,
  event: 3,
  /** Remote write 1.0 floats: deduped as gauges, `increase` reads them as cumulative. */
  unknown: 4,
} as const;
export type SampleKind = (typeof SampleKind)[keyof typeof SampleKind];
export type SampleKindName = keyof typeof SampleKind;

export const SAMPLE_KIND_NAMES: readonly SampleKindName[] = [
  'gauge',
  'cumulative',
  'delta',
  'event',
  'unknown',
];

/** Bits of a sample's flags column. On the wire: never renumber. */
export const SampleFlag = {
  /** A stale marker: the series ended. Its value is NULL in the store. */
  stale: 1,
  /** The producer gave no time; the receiver's arrival stands in and is no identity. */
  untimed: 2,
  /** The start times column has an entry for this sample. */
  start: 4,
  /** The histograms column has an entry for this sample; its value column is the sum. */
  histogram: 8,
  /** The ids column has an entry for this sample. */
  id: 16,
  /** Only in `metrics.series`: below the floor, neither called new nor duplicate. */
  unverified: 32,
} as const;

/** Times are microseconds since the Unix epoch in a float64, exact up to the year 2255. */
export type TimeUs = number;

/** The largest time that a float64 holds exactly, in microseconds. */
export const TIME_US_MAX: TimeUs = Number.MAX_SAFE_INTEGER;

/** A stale marker's two halves in IEEE 754 bits (Prometheus value.StaleNaN). */
export const STALE_NAN_HIGH = 0x7ff00000;
export const STALE_NAN_LOW = 0x00000002;

/** Equality of sample values for dedupe: NaN equals NaN. */
export function sameValue(a: number, b: number): boolean {
  return a === b || (a !== a && b !== b);
}
