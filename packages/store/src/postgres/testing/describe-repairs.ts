import { silentLog } from '@millrace/runtime';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  addressOf,
  batchOf,
  definitionOf,
  keyOf,
  labelsOf,
  NOON_US,
  pieceOf,
  samplesOf,
  SECOND_US,
  seriesOf,
  TENANT,
} from '../../testing/entries.ts';
import { PACKING_AT_ONCE } from '../../testing/packing-at-once.ts';
import type { TestDatabase, TestServer } from '../../testing/test-server.ts';
import { EVERYTHING, type StoredDefinition, type StoredPiece } from '../../reader-rows.ts';
import type { Repairs, SampleRepair, SampleValue, StoreRepairer } from '../../store-repairer.ts';
import { createPostgresStoreReader } from '../read/postgres-store-reader.ts';
import type { PostgresStore } from '../postgres-store.ts';
import { runQuery } from '../connection/run-query.ts';
import { PACKING_DEFAULTS } from '../samples/sample-placement.ts';
import { readContents } from './postgres-contents.ts';

const UP = seriesOf('up');
const NOTHING: Repairs = { samples: [], histograms: [], pieces: [], definitions: [] };
const valueOf = (value: number | undefined, isUnverified = false): SampleValue => ({
  value,
  isUnverified,
});
const repairOf = (
  second: number,
  remove: SampleValue | undefined,
  insert?: SampleValue,
  present = 0,
): SampleRepair => {
  return { seriesId: UP, timeUs: NOON_US + second * SECOND_US, remove, insert, present };
};

/** Rows that a person put right, on any layout of the tables below. */
export function describeRepairs(
  name: string,
  start: () => Promise<TestServer>,
  createRepairer: (
    params: Readonly<{ connection: TestDatabase['connection']; log: typeof silentLog }>,
  ) => StoreRepairer,
): void {
  describe(`${name}: repairs`, () => {
    let postgres: TestServer;
    let database: TestDatabase;
    let store: PostgresStore;
    let repairer: StoreRepairer;
    beforeAll(async () => {
      postgres = await start();
    });
    afterAll(() => postgres.stop());
    beforeEach(async () => {
      database = await postgres.createDatabase();
      const { connection } = database;
      repairer = createRepairer({ connection, log: silentLog });
    });
    afterEach(async () => {
      await repairer.close();
      await store.close();
      await database.drop();
    });

    const open = async (where: 'packed' | 'head'): Promise<void> => {
      const packing = where === 'packed' ? PACKING_AT_ONCE : PACKING_DEFAULTS;
      const { connection } = database;
      store = postgres.openStore({ connection, log: silentLog, settings: { packing } });
      await store.openMark(keyOf());
    };
    let at = 0;
    beforeEach(() => (at = 0));
    const apply = async (entries: Parameters<typeof batchOf>[1]): Promise<void> => {
      const batch = batchOf({ from: addressOf(at), to: addressOf(at + 1) }, entries);
      at += 1;
      expect((await store.apply(batch)).outcome).toBe('applied');
    };
    const sampleAt = (second: number, value: number, more: object = {}) => {
      return { series: UP, timeUs: NOON_US + second * SECOND_US, value, ...more };
    };
    const samples = async () => {
      const contents = await readContents(database.connection);
      return contents.samples.map(({ timeUs, value, unverified }) => [
        ...[(timeUs - NOON_US) / SECOND_US, value, unverified],
      ]);
    };
    const repair = async (repairs: Partial<Repairs>) =>
      await repairer.repair({ ...NOTHING, ...repairs });

    it('tell how far they are, and end between two transactions when they are to', async () => {
      await open('head');
      await apply({ samples: samplesOf([sampleAt(0, 1)]) });
      const missing = Array.from({ length: 450 }, (_, i) => repairOf(1 + i, undefined, valueOf(i)));
      const stopping = new AbortController();
      const told: number[] = [];
      const onProgress = (rows: number): void => {
        told.push(rows);
        stopping.abort(new Error('stopped'));
      };
      const all = { ...NOTHING, samples: missing };
      const stopped = repairer.repair(all, { onProgress, signal: stopping.signal });
      await expect(stopped).rejects.toThrow('stopped');
      expect(await samples()).toHaveLength(1 + told[0]!);
      // What was done is not done again.
      const rest = await repairer.repair(all, { onProgress });
      expect(rest).toMatchObject({ repaired: 450 - told[0]!, passedOver: told[0]! });
      expect(told.at(-1)).toBe(450);
      expect(told.length).toBeGreaterThan(3);
      expect(await samples()).toHaveLength(451);
    });

    it.each(['packed', 'head'] as const)('put samples right that are %s', async (where) => {
      await open(where);
      const stale = sampleAt(2, NaN, { stale: true });
      await apply({
        samples: samplesOf([sampleAt(0, 1), sampleAt(1, -0), stale, sampleAt(3, NaN)]),
      });
      await apply({ samples: samplesOf([sampleAt(700, 1.5), sampleAt(701, 0.1)]) });
      const result = await repair({
        samples: [
          repairOf(1, valueOf(-0), valueOf(5)),
          repairOf(2, valueOf(undefined)),
          repairOf(3, valueOf(NaN), valueOf(undefined)),
          repairOf(8, undefined, valueOf(-0)),
          repairOf(9, undefined, valueOf(7, true)),
          repairOf(701, valueOf(0.1)),
          // It has another value, and one is of another time.
          repairOf(0, valueOf(2), valueOf(3)),
          repairOf(6, valueOf(2)),
        ],
      });
      expect(result).toMatchObject({ repaired: 6, passedOver: 2, refused: 0 });
      expect(await samples()).toEqual([
        [0, 1, false],
        [1, 5, false],
        [3, undefined, false],
        [8, -0, false],
        [9, 7, true],
        [700, 1.5, false],
      ]);
      // Whoever remembers the head finds out, and nothing comes back.
      const filling = Array.from({ length: 80 }, (_, i) => sampleAt(800 + i, i));
      await apply({ samples: samplesOf(filling) });
      expect((await samples()).slice(0, 6)).toHaveLength(6);
      expect(await samples()).toHaveLength(86);
    });

    it('take one of two rows that are the same', async () => {
      await open('packed');
      await apply({ samples: samplesOf([sampleAt(0, 1), sampleAt(0, 1), sampleAt(5, 2)]) });
      expect(await repair({ samples: [repairOf(0, valueOf(1))] })).toMatchObject({ repaired: 1 });
      expect(await samples()).toEqual([
        [0, 1, false],
        [5, 2, false],
      ]);
    });

    it('insert nothing that is there by now, and as often as it was missing', async () => {
      await open('head');
      await apply({ samples: samplesOf([sampleAt(0, 1)]) });
      const repairs = [
        repairOf(0, undefined, valueOf(1)),
        repairOf(0, undefined, valueOf(1), 1),
        repairOf(0, undefined, valueOf(1), 1),
        repairOf(1, undefined, valueOf(5)),
        repairOf(1, undefined, valueOf(5)),
      ];
      expect(await repair({ samples: repairs })).toMatchObject({ repaired: 2, passedOver: 3 });
      expect(await samples()).toHaveLength(3);
    });

    it('go on behind a row that the database refuses, and tell why', async () => {
      await open('head');
      await runQuery(
        database.connection,
        'ALTER TABLE samples_narrow ADD CONSTRAINT no_fives CHECK (value <> 5)',
        { write: true },
      );
      const repairs = [4, 5, 6].map((n) => repairOf(n, undefined, valueOf(n)));
      const result = await repair({ samples: repairs });
      expect(result).toMatchObject({ repaired: 2, passedOver: 0, refused: 1 });
      expect(result.refusal).toContain('no_fives');
      expect(await samples()).toHaveLength(2);
    });

    it('put histograms right', async () => {
      await open('head');
      const histogram = Uint8Array.of(1, 2, 3);
      const row = { fingerprint: UP, timeUs: NOON_US, flags: 0, histogram };
      await apply({ histograms: [row, { ...row, timeUs: NOON_US + 1 }] });
      const other = Uint8Array.of(4);
      const result = await repair({
        histograms: [
          {
            ...{ seriesId: UP, timeUs: NOON_US, remove: true, present: 0 },
            insert: { histogram: other, isUnverified: false },
          },
          { seriesId: UP, timeUs: NOON_US + 1, remove: true, insert: undefined, present: 0 },
          { seriesId: UP, timeUs: NOON_US + 2, remove: true, insert: undefined, present: 0 },
          {
            ...{ seriesId: UP, timeUs: NOON_US + 3, remove: false, present: 0 },
            insert: { histogram: undefined, isUnverified: true },
          },
        ],
      });
      expect(result).toMatchObject({ repaired: 3, passedOver: 1 });
      const { rows } = await runQuery(
        database.connection,
        `SELECT encode(histogram, 'hex'), stale, unverified FROM histograms ORDER BY time`,
      );
      expect(rows).toEqual([
        ['04', false, false],
        [null, true, true],
      ]);
    });

    it('put windows right, and none that somebody changed meanwhile', async () => {
      await open('head');
      const piece = (n: number, more: object = {}) => pieceOf({ piece: n, sum: n, ...more });
      const hour = { widthUs: 3600 * SECOND_US };
      await apply({ finals: [piece(1), piece(2), piece(3)], open: [piece(4), piece(5)] });
      await apply({ finals: [piece(7, hour), piece(8, hour)] });
      const found = async (): Promise<StoredPiece[]> => {
        const reader = createPostgresStoreReader({ connection: database.connection });
        const snapshot = await reader.snapshot();
        const all: StoredPiece[] = [];
        for await (const some of snapshot.pieces(EVERYTHING)) all.push(...some);
        await snapshot.close();
        await reader.close();
        return all.sort((a, b) => a.piece - b.piece);
      };
      const [one, two, , four, five, seven] = await found();
      await apply({ open: [piece(5, { count: 9 })] });
      const result = await repair({
        pieces: [
          { partition: 0, remove: one, insert: { ...piece(1, { sum: 8 }), isFinal: true } },
          { partition: 0, remove: two, insert: undefined },
          { partition: 0, remove: undefined, insert: { ...piece(3), isFinal: true } },
          { partition: 0, remove: four, insert: { ...piece(4, { sum: 6 }), isFinal: true } },
          { partition: 0, remove: five, insert: { ...piece(5, { sum: 7 }), isFinal: false } },
          { partition: 0, remove: undefined, insert: { ...piece(6), isFinal: false } },
          { partition: 0, remove: undefined, insert: { ...piece(5), isFinal: false } },
          {
            partition: 0,
            remove: seven,
            insert: { ...piece(7, { ...hour, sum: 9 }), isFinal: true },
          },
        ],
      });
      expect(result).toMatchObject({ repaired: 5, passedOver: 3 });
      const rows = (await found()).map((row) => [row.piece, row.sum, row.count, row.isFinal]);
      const { count } = pieceOf();
      expect(rows).toEqual([
        [1, 8, count, true],
        [3, 3, count, true],
        [4, 6, count, true],
        [5, 5, 9, false],
        [6, 6, count, false],
        [7, 9, count, true],
        [8, 8, count, true],
      ]);
    });

    it('put definitions right', async () => {
      await open('head');
      const seen = (at: number) => ({ seenUs: NOON_US + at * SECOND_US });
      await apply({
        definitions: [
          definitionOf('up', {}, seen(0)),
          definitionOf('down', {}, seen(1)),
          definitionOf('left', {}, seen(2)),
        ],
      });
      const rowOf = (metric: string, at: number): StoredDefinition => ({
        ...{ fingerprint: seriesOf(metric), tenant: TENANT, kind: 0 },
        labels: labelsOf(metric).map(([name, value]): [string, string] => [name, value]),
        ...{ firstSeenUs: NOON_US + at * SECOND_US, lastSeenUs: NOON_US + at * SECOND_US },
      });
      const result = await repair({
        definitions: [
          { remove: rowOf('up', 0), insert: rowOf('up', 5) },
          { remove: rowOf('down', 1), insert: undefined },
          { remove: rowOf('left', 7), insert: undefined },
          { remove: undefined, insert: rowOf('left', 3) },
          { remove: undefined, insert: rowOf('right', 4) },
        ],
      });
      expect(result).toMatchObject({ repaired: 3, passedOver: 2 });
      const { rows } = await runQuery(
        database.connection,
        `SELECT metric, extract(second FROM first_seen)::integer FROM series_definitions
         ORDER BY metric`,
      );
      expect(rows).toEqual([
        ['left', 2],
        ['right', 4],
        ['up', 5],
      ]);
    });
  });
}
