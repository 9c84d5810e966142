import type { PostgresConnection } from '../postgres-connection.ts';
import type { PostgresStore, PostgresStoreParams } from '../postgres/postgres-store.ts';
import type { LayoutName } from '../postgres/layout/storage-layout.ts';

/** A real database server, and databases in it for tests. */
export interface TestServer {
  readonly layout: LayoutName;
  /** Of a database that has the current schema and stays empty: others are copies of it. */
  readonly connection: PostgresConnection;
  /** A new database with the current schema and nothing in it. */
  createDatabase(): Promise<TestDatabase>;
  /** A store of the kind that this server is there for. */
  openStore(params: Readonly<PostgresStoreParams>): PostgresStore;
  stop(): Promise<void>;
}

export interface TestDatabase {
  connection: PostgresConnection;
  drop(): Promise<void>;
}
