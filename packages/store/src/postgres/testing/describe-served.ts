import { silentLog } from '@millrace/runtime';
import type { EditionEntry, Entries } from '@millrace/wire';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  addressOf,
  batchOf,
  keyOf,
  LOG_ID,
  NOON_US,
  OTHER_LOG_ID,
  SECOND_US,
} from '../../testing/entries.ts';
import type { TestDatabase, TestServer } from '../../testing/test-server.ts';
import type { PostgresStore } from '../postgres-store.ts';
import { runQuery } from '../connection/run-query.ts';

const MINUTE = 60;
const HOUR = 60 * MINUTE;

/** Which edition of a rule that changes is shown for which windows. Times: seconds after noon. */
export function describeServed(name: string, start: () => Promise<TestServer>): void {
  describe(`${name}: served editions of a rule that changes`, () => {
    let postgres: TestServer;
    let database: TestDatabase;
    let store: PostgresStore;
    /** By partition: its log, and how far it is applied. */
    let logs: Map<number, { logId: string; logNumber: number; offset: number }>;

    beforeAll(async () => {
      postgres = await start();
    });
    afterAll(() => postgres.stop());
    beforeEach(async () => {
      database = await postgres.createDatabase();
      store = postgres.openStore({ connection: database.connection, log: silentLog });
      logs = new Map();
    });
    afterEach(async () => {
      await store.close();
      await database.drop();
    });

    async function put(partition: number, entries: Partial<Entries>): Promise<void> {
      let log = logs.get(partition);
      if (log === undefined) {
        log = { logId: LOG_ID, logNumber: 1, offset: 0 };
        await store.openMark(keyOf({ partition }));
        logs.set(partition, log);
      }
      const { logId, logNumber, offset } = log;
      const range = { from: addressOf(offset), to: addressOf(offset + 1) };
      const key = { partition, logId, logNumber };
      const result = await store.apply(batchOf({ ...range, key }, entries));
      expect(result).toMatchObject({ outcome: 'applied', deadLetters: 0 });
      log.offset += 1;
    }

    const served = async (): Promise<[number, number | null, number | null][]> => {
      const seconds = (bound: string): string =>
        `round(extract(epoch FROM ${bound}(range)) - ${NOON_US / 1e6})::float8`;
      const sql = `SELECT edition, ${seconds('lower')}, ${seconds('upper')} FROM served
        WHERE rule = 'r' ORDER BY lower(range) NULLS FIRST`;
      return (await runQuery(database.connection, sql)).rows as never;
    };
    const at = (seconds: number): number => NOON_US + seconds * SECOND_US;
    const edition = (
      number: number,
      fromPartitionTimeUs = 0,
      more: Partial<EditionEntry> = {},
    ): EditionEntry => ({
      edition: number,
      rule: 'r',
      definition: '{}',
      widthsUs: [300 * SECOND_US],
      aggregates: ['sum'],
      fromPosition: 1,
      fromPartitionTimeUs,
      fromLargestTimeUs: fromPartitionTimeUs,
      partitions: 2,
      ...more,
    });
    const end = (number: number, untilUs: number) => ({ edition: number, position: 5, untilUs });
    /** What a barrier at that time puts out in a partition: the old one is folded on for a while. */
    const change = (
      from: number,
      to: number,
      seconds: number,
      more: Partial<EditionEntry> = {},
    ) => ({
      editions: [edition(to, at(seconds), more)],
      editionEnds: [end(from, at(seconds + HOUR + 5 * MINUTE + 1))],
    });
    async function begin(more: Partial<EditionEntry> = {}): Promise<void> {
      await put(0, { editions: [edition(7, 0, more)] });
      await put(1, { editions: [edition(7, 0, more)] });
    }

    it('change once every partition has begun the new one, behind all it saw', async () => {
      await begin();
      await put(0, { editions: [edition(8, at(10), { fromLargestTimeUs: at(70) + 5 })] });
      expect(await served()).toEqual([[7, null, null]]);
      await put(1, { editions: [edition(8, at(40), { fromLargestTimeUs: at(30) })] });
      const changed = [
        [7, null, 300],
        [8, 300, null],
      ];
      expect(await served()).toEqual(changed);
      // Told again, as after a log was accepted or a record read twice.
      await put(1, { editions: [edition(8, at(400))] });
      expect(await served()).toEqual(changed);
    });

    it('change once when a rule changes twice before anybody saw the first', async () => {
      await begin();
      await put(0, { editions: [edition(8, at(10)), edition(9, at(10))] });
      await put(1, { editions: [edition(8, at(10)), edition(9, at(20))] });
      expect(await served()).toEqual([
        [7, null, 300],
        [9, 300, null],
      ]);
    });

    it('are the same whether the store was behind or not when a rule changed twice', async () => {
      const first = change(7, 8, 10);
      const second = change(8, 9, 2 * HOUR);
      const both = {
        editions: [...first.editions, ...second.editions],
        editionEnds: [...first.editionEnds, ...second.editionEnds],
      };
      await begin();
      await put(0, both);
      await put(1, both);
      expect(await served()).toEqual([
        [7, null, 300],
        [8, 300, 2 * HOUR + 300],
        [9, 2 * HOUR + 300, null],
      ]);
    });

    it('replace one that never had a window of its own', async () => {
      await put(0, { editions: [edition(7)] });
      await put(1, { editions: [edition(7), edition(8, at(10))] });
      await put(0, { editions: [edition(8, at(10))] });
      await put(0, { editions: [edition(9, at(10))] });
      await put(1, { editions: [edition(9, at(10))] });
      expect(await served()).toEqual([
        [7, null, 300],
        [9, 300, null],
      ]);
    });

    it('change under two writers that apply at the same time', async () => {
      await begin();
      await Promise.all([
        put(0, { ...change(7, 8, 10), editions: [edition(8, at(10)), edition(9, at(11))] }),
        put(1, { ...change(7, 8, 10), editions: [edition(8, at(10)), edition(9, at(11))] }),
      ]);
      expect(await served()).toEqual([
        [7, null, 300],
        [9, 300, null],
      ]);
    });

    it('do not wait for a partition that stands still longer than the old is folded', async () => {
      await begin();
      await put(0, change(7, 8, 10));
      const until = 10 + HOUR + 5 * MINUTE + 1;
      expect(await served()).toEqual([
        [7, null, until],
        [8, until, null],
      ]);
      // It stood at a barrier from the same time: nothing of what it has is missing.
      await put(1, change(7, 8, 40));
      expect(await served()).toEqual([
        [7, null, 300],
        [8, 300, null],
      ]);
    });

    it('go on from where the old one ended when a partition was told much later', async () => {
      await begin();
      await put(0, change(7, 8, 10));
      await put(0, change(8, 9, 20));
      await put(1, change(7, 8, 3 * HOUR));
      await put(1, change(8, 9, 3 * HOUR + 1));
      const until = 10 + HOUR + 5 * MINUTE + 1;
      expect(await served()).toEqual([
        [7, null, until],
        [8, until, until + 10],
        [9, until + 10, null],
      ]);
    });

    it('begin at once after a rule was removed for a while', async () => {
      const half = { widthsUs: [MINUTE * SECOND_US, 30 * MINUTE * SECOND_US] };
      await begin(half);
      await put(0, { editionEnds: [end(7, at(191))] });
      await put(1, { editionEnds: [end(7, at(193))] });
      await put(0, { editions: [edition(8, at(220), half)] });
      await put(1, { editions: [edition(8, at(221), half)] });
      // Not at the next half hour: up to there nothing would be shown.
      expect(await served()).toEqual([
        [7, null, 191],
        [8, 191, null],
      ]);
    });

    it('leave nothing out when widths up to an hour change', async () => {
      await begin();
      const wide = { widthsUs: [3600 * SECOND_US] };
      await put(0, change(7, 8, 10, wide));
      await put(1, change(7, 8, 10, wide));
      expect(await served()).toEqual([
        [7, null, HOUR],
        [8, HOUR, null],
      ]);
    });

    it('change also where partitions have other log ids: two set the log up at once', async () => {
      await store.openMark(keyOf({ partition: 1, logId: OTHER_LOG_ID, logNumber: 1 }));
      logs.set(1, { logId: OTHER_LOG_ID, logNumber: 1, offset: 0 });
      await begin();
      await put(0, change(7, 8, 10));
      await put(1, change(7, 8, 10));
      expect(await served()).toEqual([
        [7, null, 300],
        [8, 300, null],
      ]);
    });

    it('stay shown for what came before a log that begins without any state', async () => {
      await begin();
      const watermarkUs = at(1000);
      const ledger = [{ totals: [], partitionTimeUs: at(1001), watermarkUs, position: 1 }];
      await put(0, { ledger });
      await put(1, { ledger });
      for (const partition of [0, 1]) {
        const log = { logId: OTHER_LOG_ID, logNumber: 2, offset: 0 };
        const { logId, logNumber } = log;
        await store.acceptLog(keyOf({ partition, logId, logNumber }));
        logs.set(partition, log);
        // A log's first barrier knows of no time.
        await put(partition, { editions: [edition(100)] });
      }
      expect(await served()).toEqual([
        [7, null, 1200],
        [100, 1200, null],
      ]);
    });
  });
}
