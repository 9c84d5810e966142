import { systemClock, type Log } from '@millrace/runtime';
import type { PostgresConnection } from '../../postgres-connection.ts';
import { planRetention, type RetainedRows } from '../../retention/plan-retention.ts';
import { RETENTION_DEFAULTS, type RetentionPolicy } from '../../retention/retention-policy.ts';
import type {
  ReportedRows,
  ReportedTable,
  RetentionReport,
} from '../../retention/retention-report.ts';
import {
  EXPIRING_TABLES,
  windowsTableOf,
  type ExpiringTable,
} from '../../retention/stored-expiry.ts';
import { readRetentionFacts, type StoredFacts } from './retention-facts.ts';
import type { Session } from '../connection/session.ts';
import { openLayout, type LayoutKind, type StoredRange } from '../layout/storage-layout.ts';
import { withSession } from '../connection/with-session.ts';

const WHAT = 'How long rows are kept could not be read';

/** What is kept how long in a database that is laid out in one of these ways. Changes nothing. */
export function readRetentionOf(
  params: Readonly<{ connection: PostgresConnection; layouts: readonly LayoutKind[]; log: Log }>,
): Promise<RetentionReport> {
  const { connection, layouts: kinds, log } = params;
  return withSession(connection, WHAT, async (session) => {
    const layout = await openLayout(session, { kinds, log });
    const facts = await readRetentionFacts(session, { layout, clock: systemClock });
    const { policy, notedAtUs, soFar } = await readPolicy(session);
    const plan = planRetention(facts, policy);
    const sizes = await readSizes(session, facts);
    const actions = new Map(plan.ranges.map(({ range, action }) => [range.name, action]));
    const tables: ReportedTable[] = [];
    for (const table of EXPIRING_TABLES) {
      const ranges = facts.ranges.filter((range) => range.table === table);
      if (ranges.length > 0)
        tables.push(await reportTable(session, { table, ranges, sizes, actions }));
    }
    const served = new Set(
      facts.editions.filter(({ isServed }) => isServed).map(({ edition }) => edition),
    );
    return {
      ...{ nowUs: facts.nowUs, smallestWatermarkUs: facts.smallestWatermarkUs, notedAtUs, soFar },
      rows: plan.rows.map((rows) => reportRows(rows, served)),
      deadLettersKeptMs: policy.defaults.deadLettersMs,
      tables,
    };
  });
}

interface PolicyRow {
  policy: RetentionPolicy;
  noted_us: number;
  parts_dropped: number;
  rows_dropped: number;
  rows_deleted: number;
}

async function readPolicy(
  session: Session,
): Promise<{ policy: RetentionPolicy } & Pick<RetentionReport, 'notedAtUs' | 'soFar'>> {
  const { rows } = await session.run<PolicyRow>('read-retention-policy');
  const [noted] = rows;
  if (noted === undefined) {
    const policy = { defaults: RETENTION_DEFAULTS, words: [] };
    const nothing = { partsDropped: 0, rowsDropped: 0, rowsDeleted: 0 };
    return { policy, notedAtUs: undefined, soFar: nothing };
  }
  const { policy, noted_us: notedAtUs, parts_dropped: partsDropped } = noted;
  const { rows_dropped: rowsDropped, rows_deleted: rowsDeleted } = noted;
  return { policy, notedAtUs, soFar: { partsDropped, rowsDropped, rowsDeleted } };
}

interface RangeSize {
  bytes: number;
  users: number;
}

async function readSizes(
  session: Session,
  { ranges }: StoredFacts,
): Promise<ReadonlyMap<string, RangeSize>> {
  const names = ranges.map(({ name }) => name);
  const { rows } = await session.run<RangeSize & { name: string }>('read-range-sizes', [names]);
  return new Map(rows.map((row) => [row.name, row]));
}

async function reportTable(
  session: Session,
  params: Readonly<{
    table: ExpiringTable;
    ranges: readonly StoredRange[];
    sizes: ReadonlyMap<string, RangeSize>;
    actions: ReadonlyMap<string, 'drop' | 'sweep'>;
  }>,
): Promise<ReportedTable> {
  const { table, ranges, sizes, actions } = params;
  const bytesOf = (some: readonly StoredRange[]): number =>
    some.reduce((sum, { name }) => sum + (sizes.get(name)?.bytes ?? 0), 0);
  const dropped = ranges.filter(({ name }) => actions.get(name) === 'drop');
  const inUse = dropped.filter(({ name }) => (sizes.get(name)?.users ?? 0) > 0);
  return {
    ...{ table, ranges: ranges.length, bytes: bytesOf(ranges) },
    oldestUs: await readOldest(session, ranges),
    drops: {
      ...{ ranges: dropped.length, bytes: bytesOf(dropped) },
      inUse: inUse.map(({ name }) => name),
    },
    sweeps: ranges.filter(({ name }) => actions.get(name) === 'sweep').length,
  };
}

/** Out of the oldest range that is not empty: ranges of one table may be of several widths. */
async function readOldest(
  session: Session,
  ranges: readonly StoredRange[],
): Promise<number | undefined> {
  let oldestUs: number | undefined;
  for (const { name, timeColumn, fromUs } of ranges.toSorted((a, b) => a.fromUs - b.fromUs)) {
    if (oldestUs !== undefined && fromUs >= oldestUs) break;
    const found = await session.run<{ oldest_us: number | null }>('read-oldest', [
      name,
      timeColumn,
    ]);
    const us = found.rows[0]?.oldest_us ?? undefined;
    if (us !== undefined && (oldestUs === undefined || us < oldestUs)) oldestUs = us;
  }
  return oldestUs;
}

function reportRows(rows: RetainedRows, served: ReadonlySet<number>): ReportedRows {
  const { widthUs, edition } = rows;
  const table = widthUs === undefined ? 'samples' : windowsTableOf(widthUs);
  return { ...rows, table, isServed: edition === undefined || served.has(edition) };
}
