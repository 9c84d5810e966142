import type { Log } from '@millrace/runtime';
import type {
  CompleteWindow,
  CompletionCounts,
  CompletionRun,
  CompletionStore,
  MarkedWindows,
} from '../../completion-store.ts';
import type { PostgresConnection } from '../../postgres-connection.ts';
import { AdvisoryLock } from '../connection/advisory-lock.ts';
import { completeParameters, failedParameters, nameParameters } from './complete-rows.ts';
import { createPostgresPool, type PostgresPool } from '../connection/postgres-pool.ts';
import { readMarkedWindows, scopeParameters } from './read-marked-windows.ts';
import { transaction, type Session } from '../connection/session.ts';

export interface PostgresCompletionStoreSettings {
  connectTimeoutMs: number;
  /** Of one statement, and of the pauses of a run between two. */
  statementTimeoutMs: number;
  lockTimeoutMs: number;
}

export const POSTGRES_COMPLETION_STORE_DEFAULTS: PostgresCompletionStoreSettings = {
  connectTimeoutMs: 5_000,
  statementTimeoutMs: 600_000,
  lockTimeoutMs: 30_000,
};

/** Rows that one transaction replaces. */
const ROWS_MAX = 1_000;
const WHAT = 'Marked windows could not be completed';

/** Windows computed again, in any PostgreSQL that has our schema, whichever its layout. */
export function createPostgresCompletionStore(
  params: Readonly<{
    connection: PostgresConnection;
    log: Log;
    settings?: Partial<PostgresCompletionStoreSettings>;
  }>,
): CompletionStore {
  const { connection, log } = params;
  const limits = { ...POSTGRES_COMPLETION_STORE_DEFAULTS, ...params.settings };
  // One holds the lock for as long as a run takes, the other one works.
  const pool = createPostgresPool({ connection, log, settings: { ...limits, connectionsMax: 2 } });
  return {
    begin: async ({ isScheduled }) => {
      const lock = await takeLock(pool);
      if (lock === undefined) return undefined;
      try {
        const run = await pool.use(WHAT, async (session) => {
          const { rows } = await session.run<{ run: string }>('begin-complete-run', [isScheduled]);
          return Number(rows[0]!.run);
        });
        return runOf(pool, run, lock);
      } catch (error) {
        await lock.release();
        throw error;
      }
    },
    close: () => pool.close(),
  };
}

interface Lock {
  release(): Promise<void>;
}

/** Held by a connection that does nothing else: it is gone with the process, whatever happens. */
async function takeLock(pool: PostgresPool): Promise<Lock | undefined> {
  let letGo: () => void = () => undefined;
  const over = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  let held: Promise<void> = Promise.resolve();
  const isLocked = await new Promise<boolean>((resolve, reject) => {
    held = pool
      .use(WHAT, async (session) => {
        const { rows } = await session.run<{ locked: boolean }>('try-complete-lock', [
          AdvisoryLock.completion,
        ]);
        resolve(rows[0]!.locked);
        if (!rows[0]!.locked) return;
        await over;
        await session.run('free-complete-lock', [AdvisoryLock.completion]);
      })
      .catch((error: unknown) => {
        // Once it is held nobody waits for this: a lock that is lost is free.
        reject(error instanceof Error ? error : new Error(String(error)));
      });
  });
  if (!isLocked) return undefined;
  return {
    release: async () => {
      letGo();
      await held;
    },
  };
}

function runOf(pool: PostgresPool, run: number, lock: Lock): CompletionRun {
  return {
    run,
    marked: (scope) =>
      pool.use(WHAT, (session) => readWindows(session, 'marked-windows', scopeParameters(scope))),
    look: (names) =>
      pool.use(WHAT, (session) => readWindows(session, 'look-at-windows', nameParameters(names))),
    replace: async (windows) => {
      let replaced = 0;
      for (let at = 0; at < windows.length; at += ROWS_MAX) {
        const some = windows.slice(at, at + ROWS_MAX);
        replaced += await pool.use(WHAT, (session) => replaceSome(session, run, some));
      }
      return replaced;
    },
    fail: async (windows) => {
      for (let at = 0; at < windows.length; at += ROWS_MAX) {
        const parameters = failedParameters(windows.slice(at, at + ROWS_MAX));
        await pool.use(WHAT, (session) => session.run('upsert-failed', [run, ...parameters]));
      }
    },
    end: async (counts, problem) => {
      try {
        await pool.use(WHAT, (session) => noteEnd(session, run, { counts, problem }));
      } finally {
        await lock.release();
      }
    },
  };
}

async function readWindows(
  session: Session,
  statement: 'marked-windows' | 'look-at-windows',
  parameters: readonly unknown[],
): Promise<MarkedWindows> {
  await session.command('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  try {
    const windows = await readMarkedWindows(session, statement, parameters);
    await session.command('COMMIT');
    return windows;
  } catch (error) {
    // The connection may be what broke; its error is not the one worth telling.
    await session.command('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

async function replaceSome(
  session: Session,
  run: number,
  windows: readonly CompleteWindow[],
): Promise<number> {
  const { rows } = await session.run<{ oid: number }>('inputs-type');
  const parameters = completeParameters(windows, rows[0]!.oid);
  return await transaction(session, async () => {
    const { count } = await session.run('upsert-complete', [run, ...parameters]);
    await session.run('delete-failed', nameParameters(windows));
    return count;
  });
}

async function noteEnd(
  session: Session,
  run: number,
  { counts, problem }: Readonly<{ counts: CompletionCounts; problem: string | undefined }>,
): Promise<void> {
  const { marked, completed, notOver, notCompletable } = counts;
  const told = [marked, completed, notOver, notCompletable, problem ?? null];
  await session.run('end-complete-run', [run, ...told]);
}
