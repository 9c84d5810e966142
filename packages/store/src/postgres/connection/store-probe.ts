import pg from 'pg';
import type { PostgresConnection } from '../../postgres-connection.ts';
import { clientConfig } from './client-config.ts';
import { translateError } from './postgres-errors.ts';

/** Asks a store whether it answers, over a connection that it keeps: that costs nobody anything. */
export interface StoreProbe {
  /** @throws StoreError; also when nobody answers, after a bounded time. */
  ask(): Promise<void>;
  /** Waits for nobody. */
  close(): void;
}

const ASK_MS_MAX = 5000;
const LIMITS = {
  connectTimeoutMs: ASK_MS_MAX,
  statementTimeoutMs: ASK_MS_MAX,
  lockTimeoutMs: ASK_MS_MAX,
};

export function createStoreProbe(connection: PostgresConnection): StoreProbe {
  let open: pg.Client | undefined;
  const drop = (client: pg.Client): void => {
    if (open === client) open = undefined;
    // Not `end`, which waits until the other side has said goodbye.
    client.connection.stream.destroy();
  };
  const connect = async (): Promise<pg.Client> => {
    const client = new pg.Client(clientConfig(connection, LIMITS));
    // A break shows in the next question, which finds no connection then.
    client.on('error', () => drop(client));
    open = client;
    await client.connect();
    return client;
  };
  let isClosed = false;
  return {
    ask: async () => {
      try {
        await (open ?? (await connect())).query('SELECT 1');
      } catch (error) {
        if (open !== undefined) drop(open);
        throw translateError(error, 'The store was not asked whether it answers');
      } finally {
        if (isClosed && open !== undefined) drop(open);
      }
    },
    close: () => {
      isClosed = true;
      if (open !== undefined) drop(open);
    },
  };
}
