import { errorText, type Log } from '@millrace/runtime';
import pg from 'pg';
import type { PostgresConnection } from '../../postgres-connection.ts';
import { StoreError, StoreErrorCode } from '../../store-error.ts';
import { clientConfig } from './client-config.ts';
import { isRowFault, translateError } from './postgres-errors.ts';
import { sessionOf, type Session } from './session.ts';

export interface PostgresPoolSettings {
  connectionsMax: number;
  connectTimeoutMs: number;
  statementTimeoutMs: number;
  lockTimeoutMs: number;
}

/** A bounded set of connections, made when needed, thrown away when they misbehave. */
export interface PostgresPool {
  /** Lends a connection to `work`. Every error comes out as a StoreError, `what` in its text. */
  use<T>(what: string, work: (session: Session) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export function createPostgresPool(
  params: Readonly<{
    connection: PostgresConnection;
    log: Log;
    settings: PostgresPoolSettings;
  }>,
): PostgresPool {
  const { log, settings } = params;
  const pool = new pg.Pool({
    ...clientConfig(params.connection, settings),
    max: settings.connectionsMax,
    idleTimeoutMillis: 60_000,
  });
  // An idle connection that breaks is replaced when the next one is needed.
  pool.on('error', (error) => log.debug({ error: errorText(error) }, 'A connection was lost'));
  let closed = false;
  return {
    use: async (what, work) => {
      if (closed) throw closedError(what);
      let client: pg.PoolClient;
      try {
        client = await pool.connect();
      } catch (error) {
        throw translateError(error, what);
      }
      let broken: Error | undefined;
      const onError = (error: Error) => (broken = error);
      client.on('error', onError);
      try {
        return await work(sessionOf(client));
      } catch (error) {
        // A refused row leaves a healthy connection behind; after anything else its state is open.
        if (!isRowFault(error)) broken = error instanceof Error ? error : new Error(String(error));
        throw translateError(error, what);
      } finally {
        client.off('error', onError);
        client.release(broken);
      }
    },
    close: async () => {
      if (closed) return;
      closed = true;
      await pool.end();
    },
  };
}

function closedError(what: string): StoreError {
  return new StoreError({
    code: StoreErrorCode.closed,
    kind: 'aborted',
    message: `${what}: the store is closed. Nothing is lost: the log keeps it.`,
  });
}
