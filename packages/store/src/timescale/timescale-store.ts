import { nativeLayout } from '../postgres/layout/native-layout.ts';
import {
  createStoreOn,
  type PostgresStore,
  type PostgresStoreParams,
} from '../postgres/postgres-store.ts';
import { hypertableLayout } from './hypertable-layout.ts';

/**
 * A store in any PostgreSQL whose schema `migrateTimescale` has made: it looks which layout that
 * has. It connects when it is first used, so it can be made while the database is away. Throws
 * STORE_URL for a URL that is none.
 */
export function createTimescaleStore(params: Readonly<PostgresStoreParams>): PostgresStore {
  return createStoreOn({ ...params, layouts: [nativeLayout, hypertableLayout()] });
}
