export { ADDRESS_ZERO, compareAddress, formatAddress, type Address } from './address.ts';
export { EXPONENTIAL_SPAN_MAX, ExponentialHistogram } from './exponential-histogram.ts';
export {
  FINGERPRINT_BYTES,
  fingerprintHex,
  fingerprintOf,
  partitionOf,
  seriesIdOf,
} from './fingerprint.ts';
export type { BucketSpan, NativeHistogram } from './histogram-sample.ts';
export { HyperLogLog } from './hyper-log-log.ts';
export {
  compareBytes,
  formatLabels,
  labelValue,
  METRIC_NAME_LABEL,
  sortLabels,
  type Label,
  type LabelSet,
} from './label-set.ts';
export { MixHash } from './mix-hash.ts';
export { LOG_NUMBER_MAX, logNumberOf, openedAt, pieceName, type Piece } from './piece.ts';
export { PieceInputs } from './piece-inputs.ts';
export {
  DISPOSITIONS,
  unaccounted,
  type Disposition,
  type LedgerTotals,
  type SamplesByReason,
} from './ledger.ts';
export {
  keptOf,
  NO_RETENTION_WORDS,
  type RetentionWords,
  type TenantWords,
  type WindowsKept,
} from './retention-words.ts';
export {
  SAMPLE_KIND_NAMES,
  SampleFlag,
  SampleKind,
  sameValue,
  STALE_NAN_HIGH,
  STALE_NAN_LOW,
  TIME_US_MAX,
  type SampleKindName,
  type TimeUs,
} from './sample.ts';
