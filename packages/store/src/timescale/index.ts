export { migrateTimescale, type HypertablesSetting } from './migrate-timescale.ts';
export { createTimescaleStore } from './timescale-store.ts';
export { createTimescaleStoreRepairer } from './timescale-store-repairer.ts';
export { createPostgresEditionStore } from '../postgres/editions/postgres-edition-store.ts';
export type { MigrateParams, MigrateResult } from '../postgres/layout/migrate.ts';
export type {
  PostgresStore,
  PostgresStoreParams,
  PostgresStoreSettings,
} from '../postgres/postgres-store.ts';
export { readRetention } from './read-retention.ts';
export { watchStore } from '../postgres/connection/watch-store.ts';
export { readLedger } from '../postgres/read/read-ledger.ts';
export { POSTGRES_STORE_DEFAULTS } from '../postgres/postgres-store.ts';
export { describeConnection } from '../postgres/connection/database-url.ts';
export type { PostgresConnection } from '../postgres-connection.ts';
export {
  optionalStoreDefinition,
  storeDefinition,
  type OptionalStoreSection,
  type StoreSection,
} from './timescale-definition.ts';
