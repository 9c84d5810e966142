import type { TimeUs } from '@millrace/model';
import type { Clock } from '@millrace/runtime';
import { StoreError, StoreErrorCode } from '../../store-error.ts';
import { AdvisoryLock } from '../connection/advisory-lock.ts';
import type { PostgresPool } from '../connection/postgres-pool.ts';
import { transaction, type Session } from '../connection/session.ts';
import type { PartitionedTable, StorageLayout } from './storage-layout.ts';
import { covers, type TimeRange } from './time-spans.ts';

export interface StoredRanges {
  /** Makes what is missing for these times. */
  ensure(
    layout: StorageLayout,
    rows: Readonly<{ table: PartitionedTable; widthUs?: TimeUs; times: Times }>,
  ): Promise<void>;
  /** Forgets what is known: somebody dropped a range. */
  forget(): void;
}

export type Times = Readonly<{ length: number; at(i: number): TimeUs }>;

const LOOK = 'Parts of tables could not be read';
/** One may be dropped as soon as it is made; more than that is no accident. */
const CREATIONS_MAX = 3;

/** Knows which ranges exist and makes missing ones before rows arrive that need them. */
export function createStoredRanges(
  components: Readonly<{ pool: PostgresPool; clock: Clock }>,
): StoredRanges {
  const { pool, clock } = components;
  let known: Map<string, TimeRange[]> | undefined;
  const load = async (layout: StorageLayout, session: Session) => {
    known = byHome(await layout.readRanges(session));
    return known;
  };
  const create = (
    layout: StorageLayout,
    row: Readonly<{ table: PartitionedTable; widthUs: TimeUs | undefined; timeUs: TimeUs }>,
  ) =>
    pool.use(`A part of ${row.table} could not be made`, (session) =>
      transaction(session, async () => {
        await session.run('lock-ranges', [AdvisoryLock.ranges]);
        const home = layout.homeOf(row.table, row.widthUs);
        const ranges = (await load(layout, session)).get(home) ?? [];
        if (ranges.some((range) => covers(range, row.timeUs))) return;
        await layout.createRange(session, { ...row, nowUs: clock.nowUs(), ranges });
        // Learned only when committed: the next look reads them again.
        known = undefined;
      }),
    );
  return {
    ensure: async (layout, { table, widthUs, times }) => {
      const automatic = layout.automaticRange(widthUs, clock.nowUs());
      const home = layout.homeOf(table, widthUs);
      let hit = automatic;
      for (let i = 0; i < times.length; i += 1) {
        const timeUs = times.at(i);
        if (hit !== undefined && covers(hit, timeUs)) continue;
        hit = automatic;
        for (let made = 0; hit === undefined || !covers(hit, timeUs); made += 1) {
          const all = known ?? (await pool.use(LOOK, (session) => load(layout, session)));
          hit = all.get(home)?.find((range) => covers(range, timeUs));
          if (hit !== undefined) break;
          if (made === CREATIONS_MAX) throw isDroppedAgain(table);
          await create(layout, { table, widthUs, timeUs });
        }
      }
    },
    forget: () => {
      known = undefined;
    },
  };
}

function isDroppedAgain(table: string): StoreError {
  return new StoreError({
    code: StoreErrorCode.busy,
    kind: 'transient',
    message:
      `A part of ${table} was made ${CREATIONS_MAX} times and was gone each time. ` +
      'Nothing is lost: the log keeps what belongs there, and it is applied again.',
    remedy: 'Look who drops parts of this table; work goes on by itself.',
  });
}

function byHome(
  ranges: readonly (TimeRange & Readonly<{ home: string }>)[],
): Map<string, TimeRange[]> {
  const homes = new Map<string, TimeRange[]>();
  for (const { home, fromUs, untilUs } of ranges) {
    homes.set(home, [...(homes.get(home) ?? []), { fromUs, untilUs }]);
  }
  return homes;
}
