import type { Log } from '@millrace/runtime';
import type { EditionStore } from '../../edition-store.ts';
import type { PostgresConnection } from '../../postgres-connection.ts';
import { diffEditions } from './diff-editions.ts';
import { deleteDropped, markDropped } from './drop-editions.ts';
import { listEditions } from './list-editions.ts';
import { createPostgresPool, type PostgresPool } from '../connection/postgres-pool.ts';
import { promoteEditions, rollBackPromotion } from './promote-editions.ts';
import type { Session } from '../connection/session.ts';

export interface PostgresEditionStoreSettings {
  connectionsMax: number;
  connectTimeoutMs: number;
  /** Of one statement: those that compare or count read many windows. */
  statementTimeoutMs: number;
  /** Writers hold editions for as long as one of their transactions takes. */
  lockTimeoutMs: number;
}

export const POSTGRES_EDITION_STORE_DEFAULTS: PostgresEditionStoreSettings = {
  connectionsMax: 2,
  connectTimeoutMs: 5_000,
  statementTimeoutMs: 600_000,
  lockTimeoutMs: 30_000,
};

/** No version is later. */
const NO_VERSION_YET = Number.MAX_SAFE_INTEGER;

/** What a person does with editions, in any PostgreSQL that has our schema, whichever its layout. */
export function createPostgresEditionStore(
  params: Readonly<{
    connection: PostgresConnection;
    log: Log;
    settings?: Partial<PostgresEditionStoreSettings>;
  }>,
): EditionStore {
  const settings = { ...POSTGRES_EDITION_STORE_DEFAULTS, ...params.settings };
  const { connection, log } = params;
  const pool = createPostgresPool({ connection, log, settings });
  return {
    list: ({ withSizes = false } = {}) =>
      look(pool, 'Editions could not be read', (session) => listEditions(session, withSizes)),
    diff: (wanted) =>
      look(pool, 'Editions could not be compared', (session) => diffEditions(session, wanted)),
    rehearse: (promotion) =>
      change(pool, {
        what: 'The promotion could not be rehearsed',
        end: 'ROLLBACK',
        work: (session) => promoteEditions(session, { ...promotion, version: NO_VERSION_YET }),
      }),
    promote: (promotion) =>
      change(pool, {
        what: 'Nothing was promoted, or it is not known',
        end: 'COMMIT',
        work: (session) => promoteEditions(session, promotion),
      }),
    rollBack: (promotion) =>
      change(pool, {
        what: 'Nothing was rolled back, or it is not known',
        end: 'COMMIT',
        work: (session) => rollBackPromotion(session, promotion),
      }),
    drop: async ({ editions, ...how }) => {
      await change(pool, {
        what: 'Nothing was dropped, or it is not known',
        end: 'COMMIT',
        work: (session) => markDropped(session, editions),
      });
      return await deleteDropped(pool, how);
    },
    close: () => pool.close(),
  };
}

/** All statements see one moment. */
function look<T>(
  pool: PostgresPool,
  what: string,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  return pool.use(what, (session) =>
    bracketed(session, {
      work,
      begin: 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY',
      end: 'COMMIT',
    }),
  );
}

/** Durable when it resolves: no log has what a person decided. */
function change<T>(
  pool: PostgresPool,
  params: Readonly<{
    what: string;
    end: 'COMMIT' | 'ROLLBACK';
    work: (session: Session) => Promise<T>;
  }>,
): Promise<T> {
  const { what, end, work } = params;
  return pool.use(what, (session) =>
    bracketed(session, { work, begin: 'BEGIN; SET LOCAL synchronous_commit = on', end }),
  );
}

async function bracketed<T>(
  session: Session,
  params: Readonly<{ begin: string; end: string; work: (session: Session) => Promise<T> }>,
): Promise<T> {
  await session.command(params.begin);
  let result: T;
  try {
    result = await params.work(session);
  } catch (error) {
    // The connection may be what broke; its error is not the one worth telling.
    await session.command('ROLLBACK').catch(() => undefined);
    throw error;
  }
  await session.command(params.end);
  return result;
}
