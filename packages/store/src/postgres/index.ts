export type { Retention } from '../retention/retention-policy.ts';
export type { ExpireResult } from './retention/expire.ts';
export { retentionDefinition, upkeepSetting } from './retention/retention-definition.ts';
export { describeConnection } from './connection/database-url.ts';
export { migratePostgres, type MigrateParams, type MigrateResult } from './layout/migrate.ts';
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
} from './read/dead-letters.ts';
export { readLedger } from './read/read-ledger.ts';
export { readLastCompletion, type LastCompletion } from './completion/read-last-completion.ts';
export { watchStore, type StoreWatch } from './connection/watch-store.ts';
export { readLosses, type StoredLoss } from './read/read-losses.ts';
export {
  createPostgresEditionStore,
  POSTGRES_EDITION_STORE_DEFAULTS,
  type PostgresEditionStoreSettings,
} from './editions/postgres-edition-store.ts';
export {
  createPostgresCompletionStore,
  POSTGRES_COMPLETION_STORE_DEFAULTS,
  type PostgresCompletionStoreSettings,
} from './completion/postgres-completion-store.ts';
export {
  createPostgresStoreReader,
  POSTGRES_STORE_READER_DEFAULTS,
  type PostgresStoreReaderSettings,
} from './read/postgres-store-reader.ts';
export { createPostgresStoreRepairer } from './read/postgres-store-repairer.ts';
export {
  RUN_QUERY_DEFAULTS,
  runQuery,
  type QueryResult,
  type QueryValue,
  type RunQuerySettings,
} from './connection/run-query.ts';
export { relationsStatement } from './connection/statement-remedy.ts';
export type { PostgresConnection } from '../postgres-connection.ts';
