export { RETENTION_DEFAULTS, type ExpireResult, type Retention } from './expire.ts';
export { migratePostgres } from './migrate.ts';
export {
  createPostgresStore,
  POSTGRES_STORE_DEFAULTS,
  type PostgresStore,
  type PostgresStoreSettings,
} from './postgres-store.ts';
export {
  RUN_QUERY_DEFAULTS,
  runQuery,
  type QueryResult,
  type QueryValue,
  type RunQuerySettings,
} from './run-query.ts';
export type { PostgresConnection } from '../postgres-connection.ts';
