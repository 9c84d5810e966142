import type { RetentionWords } from '@millrace/model';
import { silentLog } from '@millrace/runtime';
import type { Entries } from '@millrace/wire';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { editionOf } from '../../testing/edition-scene.ts';
import {
  addressOf,
  batchOf,
  definitionOf,
  keyOf,
  NOON_US,
  pieceOf,
  samplesOf,
  SECOND_US,
} from '../../testing/entries.ts';
import { PACKING_AT_ONCE } from '../../testing/packing-at-once.ts';
import type { TestDatabase, TestServer } from '../../testing/test-server.ts';
import { planRetention } from '../../retention/plan-retention.ts';
import { RETENTION_DEFAULTS } from '../../retention/retention-policy.ts';
import { hypertableLayout } from '../../timescale/hypertable-layout.ts';
import { createPostgresCompletionStore } from '../completion/postgres-completion-store.ts';
import { sweepRange } from '../retention/delete-past-retention.ts';
import { deleteSeriesPast } from '../retention/delete-series-past.ts';
import { dropPast } from '../retention/drop-past.ts';
import { nativeLayout } from '../layout/native-layout.ts';
import { createPostgresPool } from '../connection/postgres-pool.ts';
import { POSTGRES_STORE_DEFAULTS, type PostgresStore } from '../postgres-store.ts';
import { readRetentionFacts } from '../retention/retention-facts.ts';
import { openLayout } from '../layout/storage-layout.ts';
import { readRetention } from '../../timescale/read-retention.ts';
import { readRanges } from './read-ranges.ts';
import { createPostgresStoreReader } from '../read/postgres-store-reader.ts';
import { runQuery } from '../connection/run-query.ts';
import type { StoredExpiry } from '../../retention/stored-expiry.ts';

const HOUR_US = 3600 * SECOND_US;
const DAY_US = 24 * HOUR_US;
const DAY_MS = 86_400_000;
const MINUTES_5_US = 300 * SECOND_US;
const clock = { nowUs: () => NOON_US, sleep: () => Promise.reject(new Error('not to be used')) };
const day = (age: number): number => NOON_US - age * DAY_US;

const TENANTS = ['acme', 'gold', 'free'] as const;
const SERIES = new Map(
  TENANTS.map((tenant) => [tenant, definitionOf('up', { of: tenant }, { tenant })]),
);

/** Retention of tenants and rules, and that it opens no gap, on any layout of the tables below. */
export function describeRetention(name: string, start: () => Promise<TestServer>): void {
  describe(`${name}: retention by rule and tenant`, () => {
    let server: TestServer;
    let database: TestDatabase;
    let store: PostgresStore;
    let applied: number;
    beforeAll(async () => {
      server = await start();
    });
    afterAll(() => server.stop());
    beforeEach(async () => {
      database = await server.createDatabase();
      store = openStore();
      applied = 0;
      await store.openMark(keyOf());
    });
    afterEach(async () => {
      await store.close();
      await database.drop();
    });

    function openStore(): PostgresStore {
      const { connection } = database;
      const settings = { packing: PACKING_AT_ONCE };
      return server.openStore({ connection, log: silentLog, clock, settings });
    }

    async function apply(...chunks: Partial<Entries>[]): Promise<void> {
      const [from, to] = [addressOf(applied), addressOf(applied + 1)];
      await store.apply(batchOf({ from, to }, ...chunks));
      applied += 1;
    }

    async function watermark(us: number, partition = 0): Promise<void> {
      const ledger = [{ totals: [], partitionTimeUs: us, watermarkUs: us, position: 1 }];
      if (partition === 0) return await apply({ ledger });
      await store.apply(batchOf({ to: addressOf(1), key: { partition } }, { ledger }));
    }

    /** A sample of each tenant for each of these days. */
    function aged(...ages: number[]): Partial<Entries> {
      return {
        definitions: [...SERIES.values()],
        samples: samplesOf(
          [...SERIES.values()].flatMap(({ fingerprint: series }) =>
            ages.map((age) => ({ series, timeUs: day(age), value: age })),
          ),
        ),
      };
    }

    /** A window of each tenant for each of these days. */
    function windows(edition: number, widthUs: number, ...ages: number[]): Partial<Entries> {
      return {
        finals: [...SERIES.values()].flatMap(({ fingerprint }) =>
          ages.map((age) => {
            return pieceOf({ edition, fingerprint, widthUs, startUs: day(age), count: age });
          }),
        ),
      };
    }

    function editions(partitions = 1): Partial<Entries> {
      const widthsUs = [MINUTES_5_US, HOUR_US];
      return {
        editions: [
          editionOf(7, 'rollup', { widthsUs, partitions }),
          editionOf(8, 'requests', { widthsUs, partitions }),
        ],
      };
    }

    async function rawDays(): Promise<Record<string, number[]>> {
      const { rows } = await runQuery(
        database.connection,
        `SELECT tenant, array_to_json(array_agg(value::integer ORDER BY value))
         FROM series_samples GROUP BY tenant ORDER BY tenant`,
      );
      return Object.fromEntries(rows as [string, number[]][]);
    }

    async function windowDays(width: string): Promise<Record<string, number[]>> {
      const { rows } = await runQuery(
        database.connection,
        `SELECT rule || ' ' || tenant, array_to_json(array_agg(count ORDER BY count))
         FROM series_windows WHERE width = '${width}' GROUP BY 1 ORDER BY 1`,
      );
      return Object.fromEntries(rows as [string, number[]][]);
    }

    async function expired(): Promise<StoredExpiry> {
      const reader = createPostgresStoreReader({ connection: database.connection });
      const snapshot = await reader.snapshot();
      const found = await snapshot.expired();
      await snapshot.close();
      await reader.close();
      return found;
    }

    /** As if each window had been computed again, and were what it was. */
    async function completeAll(): Promise<void> {
      await runQuery(
        database.connection,
        `INSERT INTO windows_complete
           (edition, series_id, width, start, run, pieces, samples, count, marked)
         SELECT edition, series_id, width, start, 1, 1, count, count, false FROM windows`,
        { write: true },
      );
    }

    const words: RetentionWords = {
      rules: [
        {
          rule: 'requests',
          kept: { allMs: 60 * DAY_MS, byWidth: [{ widthUs: MINUTES_5_US, keepMs: 2 * DAY_MS }] },
        },
      ],
      tenants: [
        { tenant: 'free', rawMs: DAY_MS, narrowMs: 3 * DAY_MS, rules: [] },
        {
          tenant: 'gold',
          rawMs: 90 * DAY_MS,
          rules: [{ rule: 'requests', kept: { allMs: 20 * DAY_MS, byWidth: [] } }],
        },
      ],
    };

    it('keeps samples of one tenant longer and of another shorter than those of all', async () => {
      await apply(editions(), aged(0, 3, 9, 50, 100));
      await watermark(NOON_US);
      await store.expire([words]);
      expect(await rawDays()).toEqual({ acme: [0, 3], free: [0], gold: [0, 3, 9, 50] });
      expect(await store.expire([words])).toEqual({ dropped: [], rowsDeleted: 0 });
      const found = await expired();
      const before = (tenant: string) => (NOON_US - found.beforeUs('samples', { tenant })) / DAY_US;
      // Ends of the newest days out of which rows were deleted.
      expect([before('acme'), before('nobody')]).toEqual([8.5, 8.5]);
      expect(before('free')).toBe(2.5);
      expect(before('gold')).toBeGreaterThan(90);
    });

    it('deletes series by series out of ranges whose rows lie in columns', async () => {
      await apply(editions(), aged(0, 3, 9), windows(7, HOUR_US, 40), windows(8, HOUR_US, 40));
      await watermark(NOON_US);
      const pool = createPostgresPool({
        ...{ connection: database.connection, log: silentLog },
        settings: POSTGRES_STORE_DEFAULTS,
      });
      const layout = await pool.use('The layout could not be read', (session) =>
        openLayout(session, { kinds: [nativeLayout, hypertableLayout()], log: silentLog }),
      );
      const facts = await pool.use('Facts could not be read', (session) =>
        readRetentionFacts(session, { layout, clock }),
      );
      const plan = planRetention(facts, { defaults: RETENTION_DEFAULTS, words: [words] });
      let deleted = 0;
      for (const { range, rows } of plan.ranges) {
        const stored = facts.ranges.find(({ name: one }) => one === range.name)!;
        const parent = stored.table === 'samples' ? 'samples_packed' : 'windows';
        deleted += await deleteSeriesPast(pool, { ...stored, parent }, rows);
      }
      await pool.close();
      // No window, although one edition keeps those of a tenant for shorter.
      expect(deleted).toBe(3);
      expect(await rawDays()).toEqual({ acme: [0, 3], free: [0], gold: [0, 3, 9] });
      const found = await expired();
      expect(found.beforeUs('samples', { tenant: 'free' })).toBe(day(2.5));
      expect(found.beforeUs('samples', { tenant: 'acme' })).toBe(day(8.5));
    });

    it('neither deletes nor drops by a plan of before something changed', async () => {
      await apply(editions(), aged(0, 9, 50), windows(7, MINUTES_5_US, 40));
      await watermark(NOON_US);
      const { connection } = database;
      const pool = createPostgresPool({
        ...{ connection, log: silentLog },
        settings: POSTGRES_STORE_DEFAULTS,
      });
      const layout = await pool.use('The layout could not be read', (session) =>
        openLayout(session, { kinds: [nativeLayout, hypertableLayout()], log: silentLog }),
      );
      const facts = await pool.use('Facts could not be read', (session) =>
        readRetentionFacts(session, { layout, clock }),
      );
      const policy = { defaults: RETENTION_DEFAULTS, words: [] };
      const plan = planRetention(facts, policy);
      const parts = { pool, layout, clock, log: silentLog, policy };
      const note = (noted: unknown) =>
        pool.use('The policy could not be noted', (session) =>
          session.run('note-retention-policy', [JSON.stringify(noted), new Date(0)]),
        );
      const change = (sql: string) => runQuery(connection, `${sql} RETURNING 1`, { write: true });
      const stored = (table: string) =>
        plan.ranges
          .map(({ range }) => facts.ranges.find(({ name: one }) => one === range.name)!)
          .find((one) => one.table === table)!;
      const raw = stored('samples');
      const rows = plan.rows.filter(({ widthUs }) => widthUs === undefined);
      // Somebody else keeps those of one tenant for longer, since.
      await change("INSERT INTO retention_tenants (tenant) VALUES ('gold')");
      expect(await sweepRange(pool, raw, rows)).toBe(0);
      const all = [0, 9, 50];
      expect(await rawDays()).toEqual({ acme: all, free: all, gold: all });
      await note({ ...policy, words: [words] });
      expect(await dropPast(parts, raw)).toBeUndefined();
      // A candidate's jobs fold the past.
      await note(policy);
      const widthsUs = [MINUTES_5_US, HOUR_US];
      await apply({
        editions: [editionOf(9, 'rollup', { widthsUs, partitions: 1, candidate: 6 })],
      });
      expect(await dropPast(parts, stored('windows_narrow'))).toBeUndefined();
      expect(await windowDays('5 minutes')).toMatchObject({ 'rollup acme': [40] });
      await pool.close();
    });

    it('notes what is dropped of editions there are, and of none that come later', async () => {
      await apply(editions(), aged(), windows(7, MINUTES_5_US, 40), windows(8, MINUTES_5_US, 40));
      await watermark(NOON_US);
      expect((await store.expire()).dropped.length).toBeGreaterThan(0);
      const found = await expired();
      const before = (edition: number) =>
        found.beforeUs('windows_narrow', { edition, widthUs: MINUTES_5_US, tenant: 'acme' });
      expect(before(7)).toBeGreaterThan(day(40));
      expect(before(8)).toBe(before(7));
      expect(before(9)).toBe(-Infinity);
    });

    it('finds what comes late into a table that was swept', async () => {
      await apply(editions(), aged(0, 3));
      await watermark(NOON_US);
      await store.expire([words]);
      await apply(aged(3));
      await expect
        .poll(
          async () => {
            await store.expire([words]);
            return await rawDays();
          },
          { timeout: 20_000 },
        )
        .toEqual({ acme: [0, 3, 3], free: [0], gold: [0, 3, 3] });
    });

    it('keeps windows of one rule, width and tenant by what is said about them', async () => {
      const ages = [0, 1, 3, 5, 22, 40, 70];
      for (const edition of [7, 8]) {
        await apply(windows(edition, MINUTES_5_US, ...ages), windows(edition, HOUR_US, ...ages));
      }
      await apply(editions(), aged());
      await watermark(NOON_US);
      await store.expire([words]);
      const narrow = [0, 1, 3, 5, 22];
      expect(await windowDays('5 minutes')).toEqual({
        'requests acme': [0, 1],
        'requests free': [0, 1],
        'requests gold': [0, 1, 3, 5],
        'rollup acme': narrow,
        'rollup free': [0, 1, 3],
        'rollup gold': narrow,
      });
      expect(await windowDays('1 hour')).toEqual({
        'requests acme': [0, 1, 3, 5, 22, 40],
        'requests free': [0, 1, 3, 5, 22, 40],
        'requests gold': [0, 1, 3, 5],
        'rollup acme': ages,
        'rollup free': ages,
        'rollup gold': ages,
      });
      const found = await expired();
      const before = (edition: number, widthUs: number, tenant: string) => {
        const table = widthUs < HOUR_US ? 'windows_narrow' : 'windows_wide';
        return found.beforeUs(table, { edition, widthUs, tenant });
      };
      expect(before(8, HOUR_US, 'gold')).toBe(day(20.5));
      expect(before(8, HOUR_US, 'acme')).toBe(day(60.5));
      expect(before(7, HOUR_US, 'gold')).toBe(-Infinity);
      expect(before(7, MINUTES_5_US, 'free')).toBe(day(4.5));
      expect(before(8, MINUTES_5_US, 'free')).toBe(day(2.5));
    });

    it('makes few ranges for years of old days, and drops them at once', async () => {
      const ages = Array.from({ length: 6 * 365 }, (_, age) => age);
      await apply(editions(), aged(...ages));
      await watermark(NOON_US);
      const before = await readRanges(server, database.connection);
      expect(before.length).toBeLessThan(90);
      const { dropped, rowsDeleted } = await store.expire();
      expect(rowsDeleted).toBe(0);
      expect(dropped.length).toBeGreaterThan(before.length - 10);
      expect((await rawDays())['acme']).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
      const { soFar, tables } = await readRetention(database.connection);
      expect(soFar.partsDropped).toBe(dropped.length);
      expect(tables.find(({ table }) => table === 'samples')).toMatchObject({
        ...{ ranges: before.length - dropped.length, oldestUs: day(7) },
        drops: { ranges: 0, bytes: 0, inUse: [] },
      });
    });

    it('tells what waits for whom', async () => {
      await store.openMark(keyOf({ partition: 1 }));
      await apply(editions(2), aged(0, 9, 20));
      await watermark(NOON_US);
      await watermark(day(12), 1);
      await store.expire([words]);
      const { rows, smallestWatermarkUs, notedAtUs } = await readRetention(database.connection);
      expect([smallestWatermarkUs, notedAtUs]).toEqual([day(12), NOON_US]);
      const raw = (whose: string | undefined) =>
        rows.find((one) => one.table === 'samples' && one.whose === whose);
      const held = { waitsFor: 'partitions', heldByUs: MINUTES_5_US, cutUs: day(12.5) };
      expect(raw(undefined)).toMatchObject({ ...held, keepMs: 7 * DAY_MS, dueUs: day(7.5) });
      expect(raw('free')).toMatchObject({ ...held, keepMs: DAY_MS, dueUs: day(1.5) });
      expect(raw('gold')).toMatchObject({ waitsFor: undefined, cutUs: day(90.5) });
    });

    it('takes what was computed again along', async () => {
      await apply(editions(), aged(), windows(7, MINUTES_5_US, 3, 40));
      await watermark(NOON_US);
      const { connection } = database;
      await completeAll();
      const { rowsDeleted } = await store.expire([words]);
      expect(rowsDeleted).toBe(3);
      const left = await runQuery(connection, 'SELECT DISTINCT count FROM windows_complete');
      expect(left.rows).toEqual([[3]]);
    });

    it('keeps what was computed again while its pieces are there', async () => {
      await apply(editions(), aged(), windows(7, MINUTES_5_US, 40));
      await watermark(NOON_US);
      const { connection } = database;
      await completeAll();
      const left = async (): Promise<unknown> =>
        (await runQuery(connection, 'SELECT count(*)::integer FROM windows_complete')).rows[0]![0];
      const reader = createPostgresStoreReader({ connection });
      // Nothing is dropped that somebody reads.
      const snapshot = await reader.snapshot();
      await store.expire();
      expect(await left()).toBe(3);
      await snapshot.close();
      await reader.close();
      await store.expire();
      expect(await left()).toBe(0);
    });

    it('still knows why windows that are kept cannot be completed', async () => {
      await apply(editions(), aged(), windows(7, MINUTES_5_US, 3), windows(8, MINUTES_5_US, 3));
      await watermark(NOON_US);
      const { connection } = database;
      await runQuery(
        connection,
        `INSERT INTO windows_not_completable
           (edition, series_id, width, start, run, pieces, samples, reason)
         SELECT edition, series_id, width, start, 1, 1, count, 'cut' FROM windows`,
        { write: true },
      );
      await store.expire([words]);
      const { rows } = await runQuery(
        connection,
        `SELECT edition::integer, count(*)::integer FROM windows_not_completable
         GROUP BY 1 ORDER BY 1`,
      );
      // Of the other edition that of one tenant.
      expect(rows).toEqual([
        [7, 3],
        [8, 1],
      ]);
    });

    it('deletes while somebody completes marked windows', async () => {
      await apply(editions(), aged(0, 3));
      await watermark(NOON_US);
      const { connection } = database;
      const completion = createPostgresCompletionStore({ connection, log: silentLog });
      const run = await completion.begin({ isScheduled: true });
      await store.expire([words]);
      await run!.end({ marked: 0, completed: 0, notOver: 0, notCompletable: 0 }, undefined);
      await completion.close();
      expect(await rawDays()).toEqual({ acme: [0, 3], free: [0], gold: [0, 3] });
    });

    it('waits for the smallest watermark of all partitions before finer rows go', async () => {
      await store.openMark(keyOf({ partition: 1 }));
      await apply(editions(2), aged(0, 9, 20), windows(7, MINUTES_5_US, 20, 40));
      await watermark(NOON_US);
      await watermark(day(12), 1);
      await store.expire();
      expect(await rawDays()).toEqual({ acme: [0, 9], free: [0, 9], gold: [0, 9] });
    });

    it('waits for windows that are not final', async () => {
      const open = [pieceOf({ edition: 7, widthUs: MINUTES_5_US, startUs: day(15) })];
      await apply(editions(), aged(0, 9, 20), { open });
      await watermark(NOON_US);
      await store.expire();
      expect((await rawDays())['acme']).toEqual([0, 9]);
      await apply({ finals: open });
      await store.expire();
      expect((await rawDays())['acme']).toEqual([0]);
    });

    it('keeps what a candidate needs whose jobs fold the past', async () => {
      await apply(editions(), aged(), {
        editions: [
          editionOf(9, 'rollup', {
            widthsUs: [MINUTES_5_US, HOUR_US],
            partitions: 1,
            candidate: 6,
          }),
        ],
      });
      await apply(windows(9, MINUTES_5_US, 40), windows(7, MINUTES_5_US, 40));
      await watermark(NOON_US);
      await store.expire();
      const left = await runQuery(database.connection, 'SELECT DISTINCT edition FROM windows');
      expect(left.rows).toEqual([[9]]);
    });

    it('takes the longest time of what the rules in force and those kept beside say', async () => {
      const shorter: RetentionWords = {
        rules: [],
        tenants: [{ tenant: 'gold', rawMs: DAY_MS, rules: [] }],
      };
      await apply(editions(), aged(0, 50));
      await watermark(NOON_US);
      await store.expire([shorter, words]);
      expect((await rawDays())['gold']).toEqual([0, 50]);
      await store.expire([shorter]);
      expect((await rawDays())['gold']).toEqual([0]);
    });

    it('remembers what was deleted of a tenant before somebody spoke of it', async () => {
      await apply(editions(), aged(0, 9, 50));
      await watermark(NOON_US);
      const silver = { rules: [], tenants: [{ tenant: 'silver', rawMs: 80 * DAY_MS, rules: [] }] };
      await store.expire([silver]);
      expect((await rawDays())['gold']).toEqual([0]);
      await store.expire([words]);
      const found = await expired();
      expect(found.beforeUs('samples', { tenant: 'gold' })).toBe(day(8.5));
      expect(found.beforeUs('samples', { tenant: 'silver' })).toBeLessThan(day(50));
    });
  });
}
