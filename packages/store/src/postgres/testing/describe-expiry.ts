import { silentLog } from '@millrace/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  addressOf,
  batchOf,
  keyOf,
  NOON_US,
  pieceOf,
  samplesOf,
  SECOND_US,
  seriesOf,
} from '../../testing/entries.ts';
import { editionOf } from '../../testing/edition-scene.ts';
import type { PostgresConnection } from '../../postgres-connection.ts';
import type { ExpiringTable, StoredExpiry } from '../../retention/stored-expiry.ts';
import { EVERYTHING } from '../../reader-rows.ts';
import { PACKING_AT_ONCE } from '../../testing/packing-at-once.ts';
import type { TestServer } from '../../testing/test-server.ts';
import { createPostgresStoreReader } from '../read/postgres-store-reader.ts';
import { runQuery } from '../connection/run-query.ts';
import { PACKING_DEFAULTS, type PackingSettings } from '../samples/sample-placement.ts';
import { readContents } from './postgres-contents.ts';
import { readRanges } from './read-ranges.ts';

/** Tables and first days of what is dropped as a whole. */
const EXPECTED = {
  partitions: {
    dropped: [
      'histograms 2026-02-20',
      'samples_packed 1971-01-01',
      'samples_packed 2026-01-01',
      'samples_packed 2026-02-20',
      'windows 2023-12-01',
      'windows 2026-01-28',
    ],
    // Of a year with other windows in it, and of the unverified.
    rowsDeleted: 2,
  },
  hypertables: {
    dropped: [
      'histograms 2026-02-20',
      'samples_packed 1970-12-31',
      'samples_packed 2026-01-15',
      'samples_packed 2026-02-20',
      'windows_narrow 2026-01-28',
      'windows_wide 2023-12-19',
    ],
    // Of the unverified.
    rowsDeleted: 1,
  },
};

/** What is removed when, on any layout of the tables below. */
export function describeExpiry(name: string, start: () => Promise<TestServer>): void {
  describe(`${name}: retention`, () => {
    let postgres: TestServer;
    beforeAll(async () => {
      postgres = await start();
    });
    afterAll(() => postgres.stop());

    const DAY_US = 86_400 * SECOND_US;
    const UP = seriesOf('up');

    it('forgets by the age against the watermark, each table after its own time', async () => {
      const { connection, drop } = await postgres.createDatabase();
      let nowUs = NOON_US;
      const clock = {
        nowUs: () => nowUs,
        sleep: () => Promise.reject(new Error('not to be used')),
      };
      const store = postgres.openStore({
        ...{ connection, log: silentLog, clock },
        settings: { packing: PACKING_AT_ONCE },
      });
      await store.openMark(keyOf());
      const days = (count: number) => NOON_US - count * DAY_US;
      const narrow = { widthUs: 300 * SECOND_US };
      const wide = { widthUs: 3600 * SECOND_US };
      const daily = { widthUs: DAY_US };
      const at = { fingerprint: UP, flags: 0 };
      await store.apply(
        batchOf(
          { to: addressOf(1) },
          {
            editions: [
              editionOf(7, 'requests', {
                widthsUs: [narrow.widthUs, wide.widthUs, daily.widthUs],
                partitions: 1,
              }),
            ],
            samples: samplesOf(
              [0, 6, 9, 45, 20_000].map((age) => ({ series: UP, timeUs: days(age), value: age })),
            ),
            histograms: [6, 9].map((age) => ({
              ...at,
              timeUs: days(age),
              histogram: Uint8Array.of(age),
            })),
            finals: [
              ...[29, 32].map((age) => pieceOf({ ...narrow, startUs: days(age), count: age })),
              ...[700, 776].map((age) => pieceOf({ ...daily, startUs: days(age), count: age })),
              ...[32, 700, 800].map((age) => pieceOf({ ...wide, startUs: days(age), count: age })),
            ],
            unverified: [6, 9].map((age) => ({
              ...{ ...at, tenant: 'a', timeUs: 0, value: age, receivedAtUs: days(age) },
            })),
          },
        ),
      );
      // Without a watermark nothing is known to be old, whatever the clock says.
      expect(await store.expire()).toEqual({ dropped: [], rowsDeleted: 0 });
      const ledger = [
        {
          totals: [],
          partitionTimeUs: NOON_US,
          watermarkUs: NOON_US - 60 * SECOND_US,
          position: 1,
        },
      ];
      await store.apply(batchOf({ from: addressOf(1), to: addressOf(2) }, { ledger }));
      nowUs += 10_000 * DAY_US;
      // Whoever reads a range keeps it until the next time.
      const ranges = await readRanges(postgres, connection);
      const names = new Map(ranges.map(({ name, table, from }) => [name, `${table} ${from}`]));
      const { name: busy } = ranges.find(
        ({ table, from }) => table === 'samples_packed' && from === '2026-02-20',
      )!;
      const reading = runQuery(connection, `SELECT pg_sleep(1.5) FROM ${busy}`);
      await expect.poll(() => sleepers(connection), { interval: 5 }).toBe(1);
      const kept = await store.expire();
      expect(kept.dropped).not.toContain(busy);
      await reading;
      const { dropped, rowsDeleted } = await store.expire();
      const expected = EXPECTED[postgres.layout];
      const gone = [...kept.dropped, ...dropped].map((one) => names.get(one)!);
      expect(gone.toSorted()).toEqual(expected.dropped);
      expect(kept.rowsDeleted + rowsDeleted).toBe(expected.rowsDeleted);
      const contents = await readContents(connection);
      expect(contents.samples.map(({ value }) => value)).toEqual([6, 0]);
      expect(contents.histograms).toHaveLength(1);
      expect(contents.finals.map(({ count }) => count)).toEqual([29, 700, 32, 700]);
      expect(contents.unverified.map(({ value }) => value)).toEqual([6]);
      expect(await store.expire()).toEqual({ dropped: [], rowsDeleted: 0 });
      // What is noted covers all that is gone, and nothing that is there.
      const expired = await expiredOf(connection);
      const between = (table: ExpiringTable, fromUs: number, untilUs: number): void => {
        expect(expired.beforeUs(table), table).toBeGreaterThan(fromUs);
        expect(expired.beforeUs(table), table).toBeLessThanOrEqual(untilUs);
      };
      between('samples', days(9), days(6));
      between('histograms', days(9), days(6));
      between('windows_narrow', days(32), days(29));
      between('unverified', days(9), days(6));
      expect(expired.beforeUs('windows_wide')).toBeGreaterThan(days(776));
      for (const table of ['exemplars', 'dead_letters'] as const) {
        expect(expired.beforeUs(table)).toBe(-Infinity);
      }
      await store.close();
      await drop();
    });

    it('forgets what waits to be packed; who remembers it writes it not again', async () => {
      const { connection, drop } = await postgres.createDatabase();
      const clock = { nowUs: () => NOON_US, sleep: () => Promise.reject(new Error('no')) };
      const open = (packing: Partial<PackingSettings>) =>
        postgres.openStore({
          ...{ connection, log: silentLog, clock },
          settings: { packing: { ...PACKING_DEFAULTS, ...packing } },
        });
      const store = open({ headRowsMin: 4, packSamplesMin: 1 });
      const [standing, going] = [{ partition: 1 }, { partition: 0 }];
      await store.openMark(keyOf(standing));
      await store.openMark(keyOf(going));
      const aged = (...ages: number[]) => ({
        samples: samplesOf(
          ages.map((age) => ({ series: UP, timeUs: NOON_US - age * DAY_US, value: age })),
        ),
      });
      const [partitionTimeUs, watermarkUs] = [NOON_US, NOON_US - SECOND_US];
      const ledger = [{ totals: [], partitionTimeUs, watermarkUs, position: 1 }];
      await store.apply(batchOf({ to: addressOf(1), key: standing }, aged(9, 8)));
      await store.apply(batchOf({ to: addressOf(1), key: going }, { ...aged(10, 8, 6), ledger }));
      expect(await store.expire()).toEqual({ dropped: [], rowsDeleted: 4 });
      const values = async () =>
        (await readContents(connection)).samples.map(({ value }) => String(value)).toSorted();
      expect(await values()).toEqual(['6']);
      const expired = await expiredOf(connection);
      // The start of the day that it was seven days ago.
      expect(expired.beforeUs('samples')).toBe(NOON_US - 7.5 * DAY_US);
      await store.apply(
        batchOf({ from: addressOf(1), to: addressOf(2), key: going }, aged(1, 2, 3)),
      );
      expect(await rowsOf(connection, 'samples_head')).toBe(0);
      expect(await values()).toEqual(['1', '2', '3', '6']);
      expect((await store.expire()).rowsDeleted).toBe(0);
      await store.close();
      await drop();
    });

    it('drops nothing of what somebody reads at one moment', async () => {
      const { connection, drop } = await postgres.createDatabase();
      const clock = { nowUs: () => NOON_US, sleep: () => Promise.reject(new Error('no')) };
      const settings = { packing: PACKING_AT_ONCE };
      const store = postgres.openStore({ connection, log: silentLog, clock, settings });
      await store.openMark(keyOf());
      const timeUs = NOON_US - 9 * DAY_US;
      const old = [{ fingerprint: UP, flags: 0, timeUs, histogram: Uint8Array.of(1) }];
      const [partitionTimeUs, watermarkUs] = [NOON_US, NOON_US - SECOND_US];
      const ledger = [{ totals: [], partitionTimeUs, watermarkUs, position: 1 }];
      await store.apply(batchOf({ to: addressOf(1) }, { histograms: old, ledger }));
      const reader = createPostgresStoreReader({ connection });
      const snapshot = await reader.snapshot();
      expect(await store.expire()).toEqual({ dropped: [], rowsDeleted: 0 });
      expect((await snapshot.expired()).beforeUs('histograms')).toBe(-Infinity);
      let rows = 0;
      for await (const { count } of snapshot.histograms(EVERYTHING)) rows += count;
      expect(rows).toBe(1);
      await snapshot.close();
      expect((await store.expire()).dropped).toHaveLength(1);
      expect((await expiredOf(connection)).beforeUs('histograms')).toBeGreaterThan(timeUs);
      await reader.close();
      await store.close();
      await drop();
    });

    async function expiredOf(connection: PostgresConnection): Promise<StoredExpiry> {
      const reader = createPostgresStoreReader({ connection });
      const snapshot = await reader.snapshot();
      const expired = await snapshot.expired();
      await snapshot.close();
      await reader.close();
      return expired;
    }

    async function rowsOf(connection: PostgresConnection, table: string): Promise<unknown> {
      return (await runQuery(connection, `SELECT count(*) FROM ${table}`)).rows[0]![0];
    }

    async function sleepers(connection: PostgresConnection): Promise<unknown> {
      const sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
      return (await runQuery(connection, sql)).rows[0]![0];
    }
  });
}
