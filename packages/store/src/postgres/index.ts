export type { Retention } from '../retention/retention-policy.ts';
export type { ExpireResult } from './expire.ts';
export { retentionDefinition, upkeepSetting } from './retention-definition.ts';
export { describeConnection } from './database-url.ts';
export { migratePostgres, type MigrateParams, type MigrateResult } from './migrate.ts';
export {
  createPostgresStore,
  POSTGRES_STORE_DEFAULTS,
  type PostgresStore,
  type PostgresStoreParams,
  type PostgresStoreSettings,
} from './postgres-store.ts';
export {
  beginRedrive,
  deleteDeadLetters,
  listDeadLetters,
  listUnverified,
  markRedriven,
  readUnverified,
} from './dead-letters.ts';
export { readLedger } from './read-ledger.ts';
export { readLastCompletion, type LastCompletion } from './read-last-completion.ts';
export { readLosses, type StoredLoss } from './read-losses.ts';
export {
  createPostgresEditionStore,
  POSTGRES_EDITION_STORE_DEFAULTS,
  type PostgresEditionStoreSettings,
} from './postgres-edition-store.ts';
export {
  createPostgresCompletionStore,
  POSTGRES_COMPLETION_STORE_DEFAULTS,
  type PostgresCompletionStoreSettings,
} from './postgres-completion-store.ts';
export {
  createPostgresStoreReader,
  POSTGRES_STORE_READER_DEFAULTS,
  type PostgresStoreReaderSettings,
} from './postgres-store-reader.ts';
export { createPostgresStoreRepairer } from './postgres-store-repairer.ts';
export {
  RUN_QUERY_DEFAULTS,
  runQuery,
  type QueryResult,
  type QueryValue,
  type RunQuerySettings,
} from './run-query.ts';
export type { PostgresConnection } from '../postgres-connection.ts';
