import pg from 'pg';
import type { PostgresConnection } from '../../postgres-connection.ts';

/** Makes a database as a copy of another one; nobody may be connected to that. */
export async function cloneDatabase(
  connection: PostgresConnection,
  params: Readonly<{ name: string; template: string }>,
): Promise<void> {
  await runOutside(connection, `CREATE DATABASE ${params.name} TEMPLATE ${params.template}`);
}

export async function dropDatabase(connection: PostgresConnection, name: string): Promise<void> {
  await runOutside(connection, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
}

/** These statements refuse to run in a transaction. */
async function runOutside(connection: PostgresConnection, sql: string): Promise<void> {
  const client = new pg.Client('url' in connection ? connection.url : { ...connection });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
