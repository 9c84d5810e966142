import { MillraceError, settlesWithin, type Clock } from '@millrace/runtime';
import type { LedgerReport, PostgresConnection } from '@millrace/store';
import { readLastCompletion, readLedger, runQuery } from '@millrace/store/postgres';
import type { SingleStatus } from './running/single-status.ts';

/** A store that takes longer to answer than this has other things to do. */
const LOOK_MS_MAX = 2000;

const LOOK = `
  SELECT
    pg_database_size(current_database()) AS bytes,
    coalesce(sum(accepted), 0)::bigint, coalesce(sum(stored), 0)::bigint,
    coalesce(sum(duplicate), 0)::bigint, coalesce(sum(conflict), 0)::bigint,
    coalesce(sum(dropped), 0)::bigint, coalesce(sum(unverified), 0)::bigint,
    coalesce(sum(dead_letter), 0)::bigint, coalesce(sum(lost), 0)::bigint
  FROM ledger`;

type StoreLook = Pick<SingleStatus['store'], 'bytes' | 'ledger' | 'completion'>;

/** The store's size and what became of all samples; nothing of it while it cannot answer. */
export async function lookAtStore(
  connection: PostgresConnection,
  clock: Clock,
): Promise<StoreLook> {
  const looking = look(connection);
  // The server's limits are no use when it stands still, and the driver's are longer.
  return (await settlesWithin(clock, LOOK_MS_MAX, looking)) ? await looking : {};
}

async function look(connection: PostgresConnection): Promise<StoreLook> {
  const limits = { connectTimeoutMs: LOOK_MS_MAX, statementTimeoutMs: LOOK_MS_MAX };
  // Status is asked for when something is wrong: the reason is told by the writer's partitions.
  const answer = await runQuery(connection, LOOK, limits).catch(() => undefined);
  const row = answer?.rows[0]?.map(Number);
  if (row === undefined) return {};
  const [bytes = 0, accepted = 0, stored = 0, duplicate = 0, conflict = 0] = row;
  const [dropped = 0, unverified = 0, deadLetter = 0, lost = 0] = row.slice(5);
  const completion = await readLastCompletion(connection, limits).catch(() => undefined);
  return {
    bytes,
    ...(completion === undefined ? {} : { completion }),
    ledger: { accepted, stored, duplicate, conflict, dropped, unverified, deadLetter, lost },
  };
}

/** The whole ledger, for whoever asks for it. @throws MillraceError while it cannot be read. */
export async function lookAtLedger(
  connection: PostgresConnection | undefined,
): Promise<LedgerReport> {
  if (connection !== undefined) return await readLedger(connection, LEDGER_LIMITS);
  throw new MillraceError({
    code: 'SINGLE_STORE_STARTING',
    kind: 'transient',
    message: 'PostgreSQL is not started yet. What is acknowledged is in the log meanwhile.',
    remedy: 'Ask again in a few seconds.',
  });
}

const LEDGER_LIMITS = { connectTimeoutMs: LOOK_MS_MAX, statementTimeoutMs: 10_000 };
