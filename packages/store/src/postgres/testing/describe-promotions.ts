import { silentLog } from '@millrace/runtime';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  at,
  editionOf,
  HOUR_US,
  MINUTE_US,
  openScene,
  windowOf,
  type EditionScene,
} from '../../testing/edition-scene.ts';
import type { TestDatabase, TestServer } from '../../testing/test-server.ts';
import type { EditionStore } from '../../edition-store.ts';
import { clientConfig } from '../connection/client-config.ts';
import { createPostgresEditionStore } from '../editions/postgres-edition-store.ts';
import type { PostgresStore } from '../postgres-store.ts';
import { runQuery } from '../connection/run-query.ts';

const LIMITS = { connectTimeoutMs: 5_000, statementTimeoutMs: 60_000, lockTimeoutMs: 60_000 };
const RULES = ['r', 's'];
const FROM_US = -2 * HOUR_US;
const WINDOWS = 24;

/** What readers of `series_windows` see of promotions. */
export function describePromotions(name: string, start: () => Promise<TestServer>): void {
  describe(`${name}: readers while editions are promoted`, () => {
    let postgres: TestServer;
    let database: TestDatabase;
    let store: PostgresStore;
    let editions: EditionStore;
    let scene: EditionScene;

    beforeAll(async () => {
      postgres = await start();
    });
    afterAll(() => postgres.stop());
    beforeEach(async () => {
      database = await postgres.createDatabase();
      const { connection } = database;
      store = postgres.openStore({ connection, log: silentLog });
      editions = createPostgresEditionStore({ connection, log: silentLog });
      scene = await openScene(store);
    });
    afterEach(async () => {
      await editions.close();
      await store.close();
      await database.drop();
    });

    /** Rules r and s in editions 7 and 8, and a candidate with 41 and 42 of them. */
    async function beginBoth(): Promise<void> {
      await scene.begin(editionOf(7, 'r'), editionOf(8, 's'));
      const more = { candidate: 40, fromUs: 0 };
      await scene.begin(editionOf(41, 'r', more), editionOf(42, 's', more));
      await scene.watermark(HOUR_US);
      const starts = Array.from({ length: WINDOWS }, (_, i) => FROM_US + i * 5 * MINUTE_US);
      const windows = (edition: number) => starts.map((one) => windowOf(edition, one));
      await scene.put(0, { finals: [...windows(7), ...windows(8)] });
      await scene.put(0, { finals: [...windows(41), ...windows(42)] }, 'job-40');
      await scene.endJobs(40, { 41: [FROM_US], 42: [FROM_US] });
    }

    it('each see all of a promotion or nothing of it, whenever they ask', async () => {
      await beginBoth();
      const client = new pg.Client(clientConfig(database.connection, LIMITS));
      await client.connect();
      let isOver = false;
      const seen = new Map<string, number>();
      const look = async (): Promise<void> => {
        const { rows } = await client.query<{ rule: string; editions: string[]; windows: string }>(
          `SELECT rule, array_agg(DISTINCT edition::text) AS editions, count(*) AS windows
           FROM series_windows GROUP BY rule ORDER BY rule`,
        );
        const text = JSON.stringify(rows.map((row) => [row.rule, row.editions, row.windows]));
        seen.set(text, (seen.get(text) ?? 0) + 1);
      };
      const looking = (async () => {
        while (!isOver) await look();
      })();
      let changes = 0;
      while (changes < 20 || [...seen.values()].reduce((a, b) => a + b, 0) < 200) {
        await editions.promote({ version: 50 + changes, editions: [41, 42], fromUs: undefined });
        // A writer that looks at the same time what is to be served changes nothing of it.
        await scene.put(1, { editions: [editionOf(41, 'r', { candidate: 40 })] });
        await editions.rollBack({ version: 50 + changes });
        changes += 1;
        // Looking goes on however often that changes what is served: at least every tenth time.
        if (changes > 2_000) expect.unreachable('Nobody sees anything.');
      }
      isOver = true;
      await looking;
      await client.end();
      const whole = (numbers: string[]): string =>
        JSON.stringify(RULES.map((rule, i) => [rule, [numbers[i]], String(WINDOWS)]));
      expect([...seen.keys()].sort()).toEqual([whole(['41', '42']), whole(['7', '8'])].sort());
    });

    it('find windows whole that jobs have folded, and others partial', async () => {
      await beginBoth();
      await scene.put(0, { finals: [windowOf(41, FROM_US - 5 * MINUTE_US)] });
      const partial = async () => {
        const sql = `SELECT bool_or(partial) FILTER (WHERE start >= $1),
          bool_and(partial) FILTER (WHERE start < $1) FROM edition_windows WHERE edition = 41`;
        const time = `'${new Date(at(FROM_US) / 1000).toISOString()}'::timestamptz`;
        return (await runQuery(database.connection, sql.replaceAll('$1', time))).rows[0];
      };
      expect(await partial()).toEqual([false, true]);
      await runQuery(database.connection, 'DELETE FROM edition_pasts', { write: true });
      expect(await partial()).toEqual([true, true]);
    });

    it('are told of an edition by job ends of all partitions, which may come at once', async () => {
      await scene.begin(editionOf(41, 'r', { candidate: 40, widthsUs: [MINUTE_US, HOUR_US] }));
      await Promise.all([
        scene.endJobs(40, { 41: [FROM_US, FROM_US] }, [0]),
        scene.endJobs(40, { 41: [FROM_US + MINUTE_US, FROM_US] }, [1]),
      ]);
      const whole = (await editions.list()).editions[0]!.whole.map(({ fromUs }) => fromUs);
      expect(whole).toEqual([at(FROM_US + MINUTE_US), at(FROM_US)]);
    });
  });
}
