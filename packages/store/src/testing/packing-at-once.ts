import type { PackingSettings } from '../postgres/samples/sample-placement.ts';

/** Nothing waits to be packed: for tests of what lies there for good. */
export const PACKING_AT_ONCE: PackingSettings = {
  headRowsMin: 1,
  packSamplesMin: 0,
  headRowsMax: 1,
  headMsMax: 1,
  packApartMs: 0,
  densePerSeriesMin: 1,
  denseRowsMin: 1,
  longPerSeries: 1,
};
