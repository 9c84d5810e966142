import {
  SAMPLE_ENTRIES,
  type DeadLetter,
  type DeadLetterFilter,
  type UnverifiedSample,
  type UnverifiedSeries,
} from '../../dead-letter.ts';
import type { PostgresConnection } from '../../postgres-connection.ts';
import { timeParameter } from '../connection/array-parameters.ts';
import type { Session } from '../connection/session.ts';
import { withSession } from '../connection/with-session.ts';

/** What `dropped` tells of dead letters that a person threw away. */
const BY_HAND = '(by hand)';

/** Those that a filter names, the oldest first. @throws StoreError. */
export async function listDeadLetters(
  connection: PostgresConnection,
  filter: DeadLetterFilter,
): Promise<DeadLetter[]> {
  const { ids, reason, tenant, sinceUs, untilUs, withRedriven = false, limit } = filter;
  return await withSession(connection, 'The dead letters were not read', async (session) => {
    const { rows } = await session.run<DeadLetter & { payload: Buffer | null }>(
      'read-dead-letters',
      [
        ...[ids ?? null, reason ?? null, tenant ?? null],
        ...[timeParameter(sinceUs), timeParameter(untilUs), withRedriven, limit],
      ],
    );
    return rows.map((row) => ({ ...row, payload: payloadOf(row.payload) }));
  });
}

/**
 * Notes that these are about to be sent again, before they are: what dies in between may be in the
 * log. @throws StoreError.
 */
export async function beginRedrive(
  connection: PostgresConnection,
  ids: readonly string[],
): Promise<void> {
  await withSession(connection, 'Nothing was sent again', async (session) => {
    await session.run('begin-redrive', [ids]);
  });
}

/**
 * Marks letters that are in the log again, and moves their counts from dead letter to duplicate:
 * the sample came twice, and what came last has a disposition of its own. Those that are marked
 * already stay as they are. Resolves with how many were marked now.
 *
 * @throws StoreError: then none is marked.
 */
export async function markRedriven(
  connection: PostgresConnection,
  sent: readonly Readonly<{ id: string; token: string }>[],
): Promise<number> {
  return await withSession(connection, 'Nothing was marked', async (session) => {
    const { rows } = await session.run<SettledLetter>('mark-redriven', [
      sent.map(({ id }) => id),
      sent.map(({ token }) => token),
    ]);
    await settle(session, rows, 'redriven');
    return rows.length;
  });
}

/**
 * Deletes letters; those of samples count as dropped from then on. Resolves with how many there
 * were. @throws StoreError: then none is deleted.
 */
export async function deleteDeadLetters(
  connection: PostgresConnection,
  ids: readonly string[],
): Promise<number> {
  return await withSession(connection, 'Nothing was deleted', async (session) => {
    const { rows } = await session.run<SettledLetter & { redriven: boolean }>(
      'delete-dead-letters',
      [ids],
    );
    await settle(
      session,
      rows.filter(({ redriven }) => !redriven),
      'dropped',
    );
    return rows.length;
  });
}

/** Series of which samples are kept apart, by when those came; the newest first. */
export async function listUnverified(
  connection: PostgresConnection,
  filter: Readonly<{ tenant?: string; sinceUs?: number; untilUs?: number; limit: number }>,
): Promise<UnverifiedSeries[]> {
  const { tenant, sinceUs, untilUs, limit } = filter;
  return await withSession(connection, 'Nothing was read', async (session) => {
    const times = [timeParameter(sinceUs), timeParameter(untilUs)];
    const parameters = [tenant ?? null, ...times, limit];
    return (await session.run<UnverifiedSeries>('read-unverified', parameters)).rows;
  });
}

/** Unverified samples of one series, by their own times. @throws StoreError. */
export async function readUnverified(
  connection: PostgresConnection,
  filter: Readonly<{ seriesId: string; sinceUs?: number; untilUs?: number; limit: number }>,
): Promise<UnverifiedSample[]> {
  const { seriesId, sinceUs, untilUs, limit } = filter;
  return await withSession(connection, 'Nothing was read', async (session) => {
    const parameters = [seriesId, timeParameter(sinceUs), timeParameter(untilUs), limit];
    return (await session.run<UnverifiedSample>('read-unverified-samples', parameters)).rows;
  });
}

/** Of bytes that are no JSON the text, with what is no UTF-8 replaced. */
function payloadOf(bytes: Buffer | null): unknown {
  if (bytes === null) return null;
  const text = bytes.toString('utf8');
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

interface SettledLetter {
  log_id: string;
  partition: number;
  source: string;
  tenant: string;
  reason: string;
  entry: string;
}

/** The totals first: the writer locks them in that order. */
async function settle(
  session: Session,
  letters: readonly SettledLetter[],
  what: 'redriven' | 'dropped',
): Promise<void> {
  const counted = letters.filter(({ entry }) => SAMPLE_ENTRIES.includes(entry));
  const totals = grouped(counted, ({ log_id, partition, source, tenant }) => {
    return [log_id, partition, source, tenant];
  });
  if (totals.length === 0) return;
  const none = totals.map(() => 0);
  const counts = totals.map(({ count }) => count);
  await session.run('settle-dead-letters', [
    ...columnsOf(totals, 4),
    ...(what === 'redriven' ? [counts, none] : [none, counts]),
  ]);
  const reasons = grouped(counted, (one) => {
    return [one.log_id, one.partition, one.source, one.tenant, 'dead_letter', one.reason];
  }).map(({ key, count }) => ({ key, count: -count }));
  const dropped = totals.map(({ key, count }) => ({ key: [...key, 'dropped', BY_HAND], count }));
  const all = what === 'dropped' ? [...reasons, ...dropped] : reasons;
  await session.run('settle-reasons', [...columnsOf(all, 6), all.map(({ count }) => count)]);
}

type Key = readonly (string | number)[];

function grouped<T>(rows: readonly T[], keyOf: (row: T) => Key): { key: Key; count: number }[] {
  const groups = new Map<string, { key: Key; count: number }>();
  for (const row of rows) {
    const key = keyOf(row);
    const name = JSON.stringify(key);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, { key, count: 1 });
    else group.count += 1;
  }
  // In one order, whoever locks them.
  return [...groups.keys()].sort().map((name) => groups.get(name)!);
}

function columnsOf(rows: readonly { key: Key }[], width: number): unknown[][] {
  return Array.from({ length: width }, (_, i) => rows.map(({ key }) => key[i]));
}
