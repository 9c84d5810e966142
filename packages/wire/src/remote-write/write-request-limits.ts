/** Bounds of one request. A series of two bytes would otherwise cost its receiver a hundred. */
export interface WriteRequestLimits {
  seriesMax: number;
  /** Samples, histograms and exemplars together. */
  samplesMax: number;
  metadataMax: number;
}

export const DEFAULT_WRITE_REQUEST_LIMITS: WriteRequestLimits = {
  seriesMax: 1_000_000,
  samplesMax: 2_000_000,
  metadataMax: 100_000,
};
