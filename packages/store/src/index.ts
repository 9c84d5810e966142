export type { PostgresConnection } from './postgres-connection.ts';
export {
  SAMPLE_ENTRIES,
  type DeadLetter,
  type DeadLetterFilter,
  type UnverifiedSample,
  type UnverifiedSeries,
} from './dead-letter.ts';
export type {
  CompletedReader,
  LookedWindow,
  LookedWindows,
  StoredCompleteWindow,
} from './completed-reader.ts';
export { completeDefinition, type CompleteSection } from './completion-definition.ts';
export type {
  CompleteWindow,
  CompletionCounts,
  CompletionRun,
  CompletionStore,
  FailedWindow,
  MarkedWindow,
  MarkedWindows,
  WindowName,
} from './completion-store.ts';
export type {
  DiffChange,
  DiffCounts,
  DiffParams,
  DropProgress,
  EditionDiff,
  EditionList,
  EditionSize,
  EditionStore,
  JobProgress,
  ListedEdition,
  ListedPromotion,
  PromotedRule,
  Promotion,
  StartRange,
} from './edition-store.ts';
export {
  ledgerReport,
  ofTenant,
  type LedgerCounts,
  type LedgerPosition,
  type LedgerReport,
  type LedgerRow,
} from './ledger-report.ts';
export type { ApplyResult, MarkKey, Store, StoreBatch, StoredMark } from './store.ts';
export { StoreError, StoreErrorCode } from './store-error.ts';
export {
  EVERYTHING,
  type HistogramRowColumns,
  type ReadScope,
  type SampleRowColumns,
  type StoredDeadLetter,
  type StoredDefinition,
  type StoredEdition,
  type StoredEditionEnd,
  type StoredEditions,
  type StoredEditionStart,
  type StoredExemplar,
  type StoredJobEnd,
  type StoredMetadata,
  type StoredPiece,
  type StoredPosition,
  type StoredPromotion,
  type StoredServed,
  type StoredTotals,
  type StoredUnverified,
} from './reader-rows.ts';
export { type StoreReader, type StoreSnapshot } from './store-reader.ts';
export type {
  DefinitionRepair,
  HistogramRepair,
  HistogramValue,
  PieceRepair,
  RepairResult,
  Repairs,
  SampleRepair,
  SampleValue,
  StoreRepairer,
} from './store-repairer.ts';
export {
  EXPIRING_TABLES,
  StoredExpiry,
  windowsTableOf,
  type ExpiringTable,
} from './retention/stored-expiry.ts';
export { RETENTION_DEFAULTS } from './retention/retention-policy.ts';
export type { ReportedRows, ReportedTable, RetentionReport } from './retention/retention-report.ts';
