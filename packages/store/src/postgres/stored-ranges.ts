import type { TimeUs } from '@millrace/model';
import type { Clock } from '@millrace/runtime';
import { timeParameter } from './array-parameters.ts';
import type { PostgresPool } from './postgres-pool.ts';
import { transaction, type Session } from './session.ts';

/** Tables cut into native partitions, and those of windows by width as well. */
export type PartitionedTable = 'samples' | 'histograms' | 'exemplars' | 'windows';

/** Times [fromUs, untilUs) of one native partition. */
export interface TimeRange {
  fromUs: TimeUs;
  untilUs: TimeUs;
}

export interface KnownPartition extends TimeRange {
  name: string;
  parent: string;
  widthUs: TimeUs | undefined;
}

export interface Partitions {
  /** Makes what is missing for these times. */
  ensure(table: PartitionedTable, widthUs: TimeUs | undefined, times: Times): Promise<void>;
  /** Forgets what is known: somebody dropped a partition. */
  forget(): void;
}

export type Times = Readonly<{ length: number; at(i: number): TimeUs }>;

/** Any number will do that nothing else in the database locks by. */
export const PARTITIONS_LOCK = 4_711_580_133;
const DAY_US = 86_400_000_000;

/**
 * Knows which native partitions exist and makes missing ones before rows arrive that need them.
 * Around now a partition spans a day (of wide windows: a month or a year), so that retention can
 * drop it; far from now a year, so that samples with absurd times cannot make many of them.
 */
export function createPartitions(
  components: Readonly<{ pool: PostgresPool; clock: Clock }>,
): Partitions {
  const { pool, clock } = components;
  let known: Map<string, TimeRange[]> | undefined;
  const load = async (session: Session) => {
    known = byTable(await readPartitions(session));
    return known;
  };
  const create = (table: PartitionedTable, widthUs: TimeUs | undefined, timeUs: TimeUs) =>
    pool.use(`A partition of ${table} could not be made`, (session) =>
      transaction(session, async () => {
        await session.run('lock-partitions', [PARTITIONS_LOCK]);
        await session.run('forget-dropped-partitions');
        const ranges = (await load(session)).get(keyOf(table, widthUs)) ?? [];
        if (ranges.some((range) => covers(range, timeUs))) return;
        const span = spanOf({ widthUs, timeUs, nowUs: clock.nowUs(), ranges });
        await session.run('create-partition', [
          table,
          partitionName(table, widthUs, span),
          widthUs ?? null,
          timeParameter(span.fromUs),
          timeParameter(span.untilUs),
        ]);
        // Learned only when committed: the next look reads the table again.
        known = undefined;
      }),
    );
  return {
    ensure: async (table, widthUs, times) => {
      let hit: TimeRange | undefined;
      for (let i = 0; i < times.length; i += 1) {
        const timeUs = times.at(i);
        if (hit !== undefined && covers(hit, timeUs)) continue;
        for (;;) {
          const all = known ?? (await pool.use('Partitions could not be read', load));
          hit = all.get(keyOf(table, widthUs))?.find((range) => covers(range, timeUs));
          if (hit !== undefined) break;
          await create(table, widthUs, timeUs);
        }
      }
    },
    forget: () => {
      known = undefined;
    },
  };
}

export async function readPartitions(session: Session): Promise<KnownPartition[]> {
  const { rows } = await session.run<{
    name: string;
    parent: string;
    width_us: string | null;
    from_us: string;
    until_us: string;
  }>('read-partitions');
  return rows.map((row) => ({
    name: row.name,
    parent: row.parent,
    widthUs: row.width_us === null ? undefined : Number(row.width_us),
    fromUs: Number(row.from_us),
    untilUs: Number(row.until_us),
  }));
}

function byTable(partitions: readonly KnownPartition[]): Map<string, TimeRange[]> {
  const tables = new Map<string, TimeRange[]>();
  for (const { parent, widthUs, fromUs, untilUs } of partitions) {
    const key = keyOf(parent, widthUs);
    tables.set(key, [...(tables.get(key) ?? []), { fromUs, untilUs }]);
  }
  return tables;
}

function keyOf(table: string, widthUs: TimeUs | undefined): string {
  return `${table} ${widthUs ?? ''}`;
}

function covers(range: TimeRange, timeUs: TimeUs): boolean {
  return timeUs >= range.fromUs && timeUs < range.untilUs;
}

/** The range for a new partition around `timeUs`, cut back to where others begin and end. */
export function spanOf(
  params: Readonly<{
    widthUs: TimeUs | undefined;
    timeUs: TimeUs;
    nowUs: TimeUs;
    ranges: readonly TimeRange[];
  }>,
): TimeRange {
  const { widthUs, timeUs, nowUs, ranges } = params;
  const { unit, pastDays } = granularity(widthUs);
  const near = {
    fromUs: startOfDay(nowUs) - pastDays * DAY_US,
    untilUs: startOfDay(nowUs) + FUTURE_DAYS * DAY_US,
  };
  const span = calendarSpan(covers(near, timeUs) ? unit : 'year', timeUs);
  // A year must not reach into the days around now: it would swallow all that is still to come.
  if (timeUs < near.fromUs) span.untilUs = Math.min(span.untilUs, near.fromUs);
  if (timeUs >= near.untilUs) span.fromUs = Math.max(span.fromUs, near.untilUs);
  for (const range of ranges) {
    if (range.untilUs <= timeUs) span.fromUs = Math.max(span.fromUs, range.untilUs);
    if (range.fromUs > timeUs) span.untilUs = Math.min(span.untilUs, range.fromUs);
  }
  return span;
}

type Unit = 'day' | 'month' | 'year';

/** Samples from further ahead are refused long before they come here. */
const FUTURE_DAYS = 400;

/** How long partitions are, and for how far back: rather longer than the default retention. */
function granularity(widthUs: TimeUs | undefined): { unit: Unit; pastDays: number } {
  const hourUs = 3_600_000_000;
  if (widthUs === undefined || widthUs < hourUs) return { unit: 'day', pastDays: 40 };
  if (widthUs < 24 * hourUs) return { unit: 'month', pastDays: 1100 };
  return { unit: 'year', pastDays: 0 };
}

function startOfDay(timeUs: TimeUs): TimeUs {
  return Math.floor(timeUs / DAY_US) * DAY_US;
}

function calendarSpan(unit: Unit, timeUs: TimeUs): TimeRange {
  if (unit === 'day') {
    const fromUs = startOfDay(timeUs);
    return { fromUs, untilUs: fromUs + DAY_US };
  }
  const date = new Date(Math.floor(timeUs / 1000));
  const year = date.getUTCFullYear();
  const month = unit === 'month' ? date.getUTCMonth() : 0;
  const months = unit === 'month' ? 1 : 12;
  return {
    fromUs: Date.UTC(year, month, 1) * 1000,
    untilUs: Date.UTC(year, month + months, 1) * 1000,
  };
}

/** `samples_20261121`, `windows_300s_20261121`, `samples_19700101_19710101`. */
function partitionName(table: string, widthUs: TimeUs | undefined, span: TimeRange): string {
  const day = (timeUs: TimeUs) =>
    new Date(timeUs / 1000).toISOString().slice(0, 10).replaceAll('-', '');
  const width =
    widthUs === undefined
      ? ''
      : `_${widthUs % 1_000_000 === 0 ? `${widthUs / 1_000_000}s` : `${widthUs}us`}`;
  const isDay = span.untilUs - span.fromUs === DAY_US;
  return `${table}${width}_${day(span.fromUs)}${isDay ? '' : `_${day(span.untilUs)}`}`;
}
