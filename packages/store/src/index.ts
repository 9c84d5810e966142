export type { PostgresConnection } from './postgres-connection.ts';
export type { ApplyResult, MarkKey, Store, StoreBatch, StoredMark } from './store.ts';
export { StoreError, StoreErrorCode } from './store-error.ts';
