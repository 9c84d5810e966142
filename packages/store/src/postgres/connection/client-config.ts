import type pg from 'pg';
import type { PostgresConnection } from '../../postgres-connection.ts';
import { parseUrl } from './database-url.ts';

export interface SessionLimits {
  connectTimeoutMs: number;
  statementTimeoutMs: number;
  lockTimeoutMs: number;
}

/**
 * Whatever an administrator has set for the database or the role. Marks and rows are lost together,
 * and the log still has them (see Store.flushedMarks); times are read and written in UTC. Whoever
 * waited for a lock looks at what the one before left: a snapshot from before the wait would show
 * him what was there instead. And floats and bytes are texts now and then, which are read again.
 */
const OPTIONS = [
  ...['synchronous_commit=off', 'default_transaction_isolation=read\\ committed'],
  ...['timezone=UTC', 'datestyle=ISO', 'intervalstyle=postgres', 'extra_float_digits=1'],
  ...['bytea_output=hex', 'array_nulls=on', 'standard_conforming_strings=on'],
]
  .map((setting) => `-c ${setting}`)
  .join(' ');

/** What every connection of ours is set to; library and server defaults that matter written out. */
export function clientConfig(
  connection: PostgresConnection,
  limits: SessionLimits,
): pg.ClientConfig {
  const place = 'url' in connection ? parseUrl(connection.url) : { ...connection };
  return {
    application_name: 'millrace',
    ...place,
    connectionTimeoutMillis: limits.connectTimeoutMs,
    // The server ends a statement; the client's own limit is for a server that went silent.
    statement_timeout: limits.statementTimeoutMs,
    query_timeout: limits.statementTimeoutMs + 5_000,
    lock_timeout: limits.lockTimeoutMs,
    idle_in_transaction_session_timeout: limits.statementTimeoutMs,
    keepAlive: true,
    // The last one counts: what a URL sets beside these stays, and these hold whatever it says.
    options: 'options' in place ? `${place.options} ${OPTIONS}` : OPTIONS,
  };
}
