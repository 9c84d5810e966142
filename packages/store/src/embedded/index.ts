export { EMBEDDED_DATABASE, EMBEDDED_USER } from './cluster.ts';
export { EMBEDDED_POSTGRES_CODES } from './embedded-errors.ts';
export {
  EMBEDDED_POSTGRES_DEFAULTS,
  startEmbeddedPostgres,
  type EmbeddedPostgres,
  type EmbeddedPostgresParams,
  type EmbeddedPostgresSettings,
} from './embedded-postgres.ts';
export type { ProcessEnd } from './postgres-process.ts';
export {
  superviseEmbeddedPostgres,
  type SupervisedPostgres,
} from './supervise-embedded-postgres.ts';
