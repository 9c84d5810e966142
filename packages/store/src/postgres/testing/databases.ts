import pg from 'pg';
import { clientConfig } from '../connection/client-config.ts';
import type { PostgresConnection } from '../../postgres-connection.ts';

const LIMITS = { connectTimeoutMs: 5_000, statementTimeoutMs: 60_000, lockTimeoutMs: 60_000 };

/** Makes a database as a copy of another one; nobody may be connected to that. */
export async function createDatabaseOf(
  connection: PostgresConnection,
  params: Readonly<{ name: string; template: string; owner?: string }>,
): Promise<void> {
  const { name, template, owner } = params;
  const owned = owner === undefined ? '' : ` OWNER ${owner}`;
  await runStatements(connection, `CREATE DATABASE ${name} TEMPLATE ${template}${owned}`);
}

/** An ordinary role that can log in. */
export async function createRole(
  connection: PostgresConnection,
  { name, password }: Readonly<{ name: string; password: string }>,
): Promise<void> {
  await runStatements(connection, `CREATE ROLE ${name} LOGIN PASSWORD '${password}'`);
}

export async function dropRole(connection: PostgresConnection, name: string): Promise<void> {
  await runStatements(connection, `DROP ROLE ${name}`);
}

/** Lets nobody in any more, and ends whoever is there: background workers of TimescaleDB, too. */
export async function closeDatabase(connection: PostgresConnection, name: string): Promise<void> {
  await runStatements(connection, `ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
  const sessions = `SELECT pid FROM pg_stat_activity WHERE datname = '${name}'`;
  // Waited for: a database is no template while anybody is in it.
  await runStatements(connection, `SELECT pg_terminate_backend(pid, 10000) FROM (${sessions}) s`);
}

export async function dropDatabase(connection: PostgresConnection, name: string): Promise<void> {
  await runStatements(connection, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
}

/** Runs statements one after the other, in no transaction. */
export async function runStatements(connection: PostgresConnection, sql: string): Promise<void> {
  const client = new pg.Client(clientConfig(connection, LIMITS));
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
