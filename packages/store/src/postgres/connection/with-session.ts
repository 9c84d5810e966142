import pg from 'pg';
import type { PostgresConnection } from '../../postgres-connection.ts';
import { clientConfig } from './client-config.ts';
import { translateError } from './postgres-errors.ts';
import { sessionOf, transaction, type Session } from './session.ts';

const LIMITS = { connectTimeoutMs: 5_000, statementTimeoutMs: 60_000, lockTimeoutMs: 10_000 };

/**
 * One transaction on a connection of its own, for a person: what it changed survives a crash of the
 * database, because no log has it.
 *
 * @throws StoreError; `failing` begins its message: `The dead letters were not read`.
 */
export async function withSession<T>(
  connection: PostgresConnection,
  failing: string,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const client = new pg.Client(clientConfig(connection, LIMITS));
  // A break shows in the statement under way; without a listener it would end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const session = sessionOf(client);
    return await transaction(session, async () => {
      await session.command('SET LOCAL synchronous_commit = on');
      return await work(session);
    });
  } catch (error) {
    throw translateError(error, failing);
  } finally {
    await client.end();
  }
}
