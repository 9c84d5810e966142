import type { TimeUs } from '@millrace/model';
import { planRetention, type RetainedRows } from '../../retention/plan-retention.ts';
import type { RetentionPolicy } from '../../retention/retention-policy.ts';
import { AdvisoryLock } from '../connection/advisory-lock.ts';
import {
  boundArray,
  boundParameter,
  textArray,
  timeParameter,
} from '../connection/array-parameters.ts';
import { isForAll, noteExpired, ofWhom, sweepRange } from './delete-past-retention.ts';
import { dropPast, unlessBusy, type UpkeepParts } from './drop-past.ts';
import { deleteSeriesPast } from './delete-series-past.ts';
import type { PostgresPool } from '../connection/postgres-pool.ts';
import { readRetentionFacts } from './retention-facts.ts';
import { headVersion } from '../samples/sample-heads.ts';
import { transaction, type Session } from '../connection/session.ts';

export interface ExpireResult {
  /** Names of partitions or chunks that are gone as a whole. */
  dropped: string[];
  rowsDeleted: number;
}

const WHAT = 'What is past its retention could not be removed';

/**
 * Drops ranges in which nobody keeps anything and deletes rows out of those in which somebody
 * does, as `planRetention` says. Notes the policy that it went by, for those who ask.
 */
export async function expire(
  components: UpkeepParts & Readonly<{ policy: RetentionPolicy }>,
): Promise<ExpireResult> {
  const { pool, log, clock, policy } = components;
  const facts = await pool.use(WHAT, (session) => readRetentionFacts(session, components));
  const plan = planRetention(facts, policy);
  await pool.use(WHAT, (session) =>
    transaction(session, async () => {
      await session.run('lock-tenants', [AdvisoryLock.tenants]);
      await session.run('set-tenants-apart', [plan.tenants]);
      const noted = [JSON.stringify(policy), timeParameter(clock.nowUs())];
      await session.run('note-retention-policy', noted);
    }),
  );
  const result: ExpireResult = { dropped: [], rowsDeleted: 0 };
  let rowsDropped = 0;
  const rangeOf = new Map(facts.ranges.map((range) => [range.name, range]));
  for (const { range: planned, action, rows } of plan.ranges) {
    const range = rangeOf.get(planned.name)!;
    if (action === 'drop') {
      const held = await dropPast(components, range);
      if (held === undefined) continue;
      result.dropped.push(range.name);
      rowsDropped += held;
    } else if (range.columnsOf === undefined) {
      result.rowsDeleted += await sweepRange(pool, range, rows);
    } else {
      const columns = { ...range, parent: range.columnsOf };
      result.rowsDeleted += await deleteSeriesPast(pool, columns, rows);
    }
  }
  if (result.dropped.length > 0) await pool.use(WHAT, (session) => session.run('forget-sweeps'));
  const raw = plan.rows.filter(({ widthUs }) => widthUs === undefined);
  result.rowsDeleted += await expireUnverified(pool, raw);
  const lettersUs = facts.nowUs - policy.defaults.deadLettersMs * 1000;
  result.rowsDeleted += await expireLetters(pool, lettersUs);
  result.rowsDeleted += await expireHeads(components, raw);
  result.rowsDeleted += await expireComplete(pool);
  if (result.dropped.length > 0 || result.rowsDeleted > 0) {
    const counts = [result.dropped.length, rowsDropped, result.rowsDeleted];
    await pool.use(WHAT, (session) => session.run('count-upkeep', counts));
    log.info({ ...result, rowsDropped }, 'Removed what is past its retention');
  }
  return result;
}

/** Times before which rows go: of tenants by their names, and of all others. */
function byTenant(
  raw: readonly RetainedRows[],
): [tenants: Buffer, befores: Buffer, others: Buffer | string] {
  const own = raw.filter(({ whose }) => whose !== undefined);
  const others = raw.find(({ whose }) => whose === undefined)!;
  return [
    textArray(own.length, (i) => own[i]!.whose!),
    boundArray(own.length, (i) => own[i]!.cutUs),
    boundParameter(others.cutUs),
  ];
}

interface GoneOfTenant {
  /** Null: of all others. */
  tenant: string | null;
  deleted: number;
}

/**
 * Rows that wait to be packed, where nobody packs them any more: their partition stands still, is
 * in no log of now, or the database has got another way to store samples.
 */
async function expireHeads(
  { pool, log }: UpkeepParts,
  raw: readonly RetainedRows[],
): Promise<number> {
  const beforeUs = Math.max(...raw.map(({ cutUs }) => cutUs));
  if (beforeUs === -Infinity) return 0;
  const { rows } = await pool.use(WHAT, (session) =>
    session.run<{ partition: number }>('read-expired-heads', [timeParameter(beforeUs)]),
  );
  let deleted = 0;
  for (const { partition } of rows) {
    const name = `samples_head_${partition}`;
    const count = await unlessBusy({ pool, log, name }, async (session) => {
      if (!(await isForAll(session, raw))) return 0;
      // First of all: who remembers these rows would write them again otherwise.
      await session.run('renew-head', [partition, headVersion()]);
      const gone = await session.run<GoneOfTenant>('expire-head', [partition, ...byTenant(raw)]);
      return await noteGone(session, { table: 'samples', gone: gone.rows, raw });
    });
    deleted += count ?? 0;
  }
  return deleted;
}

async function noteGone(
  session: Session,
  params: Readonly<{
    table: 'samples' | 'unverified';
    gone: readonly GoneOfTenant[];
    raw: readonly RetainedRows[];
  }>,
): Promise<number> {
  const { table, gone, raw } = params;
  let deleted = 0;
  for (const one of gone) {
    const whose = one.tenant ?? undefined;
    const { cutUs: beforeUs } = raw.find((rows) => rows.whose === whose)!;
    await noteExpired(session, { table, ...ofWhom(whose), beforeUs });
    deleted += one.deleted;
  }
  return deleted;
}

/** What was computed again, or could not be, goes when its pieces are gone: whoever kept them. */
async function expireComplete(pool: PostgresPool): Promise<number> {
  for (let deleted = 0; ;) {
    const { rows } = await pool.use(WHAT, (session) =>
      session.run<{ deleted: number }>('expire-complete', [DELETE_ROWS_MAX]),
    );
    deleted += rows[0]!.deleted;
    if (rows[0]!.deleted < DELETE_ROWS_MAX) return deleted;
  }
}

const DELETE_ROWS_MAX = 20_000;

/** By when they came. In portions, so that no statement takes long or holds many locks. */
async function expireUnverified(pool: PostgresPool, raw: readonly RetainedRows[]): Promise<number> {
  let deleted = 0;
  for (;;) {
    const count = await pool.use(WHAT, (session) =>
      transaction(session, async () => {
        if (!(await isForAll(session, raw))) return 0;
        const bounds = [...byTenant(raw), DELETE_ROWS_MAX];
        const gone = await session.run<GoneOfTenant>('expire-unverified', bounds);
        return await noteGone(session, { table: 'unverified', gone: gone.rows, raw });
      }),
    );
    deleted += count;
    if (count < DELETE_ROWS_MAX) return deleted;
  }
}

async function expireLetters(pool: PostgresPool, beforeUs: TimeUs): Promise<number> {
  if (beforeUs === -Infinity) return 0;
  let deleted = 0;
  for (;;) {
    const parameters = [
      ...['dead_letters', 'recorded_at', timeParameter(beforeUs)],
      ...[DELETE_ROWS_MAX, 'dead_letters'],
    ];
    const { rows } = await pool.use(WHAT, (session) =>
      session.run<{ deleted: number }>('delete-before', parameters),
    );
    deleted += rows[0]!.deleted;
    if (rows[0]!.deleted < DELETE_ROWS_MAX) return deleted;
  }
}
