import { randomBytes } from 'node:crypto';
import type { PostgresConnection } from '../../postgres-connection.ts';
import {
  closeDatabase,
  createDatabaseOf,
  createRole,
  dropDatabase,
  dropRole,
} from '../../postgres/testing/databases.ts';

/** Databases without anything, of an ordinary role with a password. */
export interface EmptyDatabases {
  readonly role: string;
  create(): Promise<{ connection: PostgresConnection; drop(): Promise<void> }>;
  /** Makes those that are created from now on copies of this one, which nobody can use any more. */
  copyFrom(connection: PostgresConnection): Promise<void>;
  /** The same database, as a superuser. */
  adminOf(connection: PostgresConnection): PostgresConnection;
  placeOf(connection: PostgresConnection): { database: string };
  /** Drops what was created and is still there. */
  stop(): Promise<void>;
}

/** On a server of which `url` names a superuser. */
export async function startEmptyDatabases(url: string): Promise<EmptyDatabases> {
  const admin: PostgresConnection = { url };
  const role = `millrace_test_${randomBytes(4).toString('hex')}`;
  const password = randomBytes(8).toString('hex');
  await createRole(admin, { name: role, password });
  const names = new Set<string>();
  let made = 0;
  // Not template1: background workers of TimescaleDB may be at work in it.
  let template = 'template0';
  const databaseOf = (connection: PostgresConnection) =>
    new URL((connection as { url: string }).url).pathname.slice(1);
  const drop = async (name: string) => {
    await dropDatabase(admin, name);
    names.delete(name);
  };
  return {
    role,
    create: async () => {
      made += 1;
      const name = `${role}_${made}`;
      await createDatabaseOf(admin, { name, template, owner: role });
      names.add(name);
      const place = new URL(url);
      place.username = role;
      place.password = password;
      place.pathname = name;
      return { connection: { url: place.href }, drop: () => drop(name) };
    },
    copyFrom: async (connection) => {
      const name = databaseOf(connection);
      await closeDatabase(admin, name);
      template = name;
    },
    adminOf: (connection) => {
      const place = new URL(url);
      place.pathname = databaseOf(connection);
      return { url: place.href };
    },
    placeOf: (connection) => ({ database: databaseOf(connection) }),
    stop: async () => {
      for (const name of names) await drop(name);
      await dropRole(admin, role);
    },
  };
}
