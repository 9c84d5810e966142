import type { FileSeries } from '../read/file-series.ts';
import type { FilePlace } from '../read/record-sink.ts';

/** So much of a file as is sent together: a function of the file and of how it is read. */
export interface Stretch {
  /** Counted from 0 in the file. */
  number: number;
  /** Those of its samples, each once, in the order in which they came. */
  series: readonly FileSeries[];
  samples: StretchColumns;
  /** Behind its last record. */
  end: FilePlace;
}

/** Samples in the order of the file. */
export interface StretchColumns {
  count: number;
  /** Which of the stretch's series each is of. */
  series: Uint32Array;
  times: Float64Array;
  values: Float64Array;
  /** 1 for a stale marker. */
  stale: Uint8Array;
}

export interface StretchSettings {
  samplesMax: number;
  /** Of the labels of its series, roughly. */
  labelBytesMax: number;
}

/**
 * Samples of a series that lie in one stretch come together to the log, and so to few rows of the
 * store; larger ones hold up live samples longer.
 */
export const STRETCH_DEFAULTS: StretchSettings = {
  samplesMax: 200_000,
  labelBytesMax: 16 * 1024 * 1024,
};
