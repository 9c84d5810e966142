export { EMBEDDED_DATABASE, EMBEDDED_USER } from './cluster.ts';
export { EMBEDDED_POSTGRES_CODES } from './embedded-errors.ts';
export {
  startEmbeddedPostgres,
  type EmbeddedPostgres,
  type EmbeddedPostgresParams,
} from './embedded-postgres.ts';
export { EMBEDDED_POSTGRES_DEFAULTS, type EmbeddedPostgresSettings } from './embedded-settings.ts';
export type { ProcessEnd } from './postgres-process.ts';
export {
  superviseEmbeddedPostgres,
  type SupervisedPostgres,
} from './supervise-embedded-postgres.ts';
