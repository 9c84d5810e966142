import { silentLog } from '@millrace/runtime';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  addressOf,
  batchOf,
  definitionOf,
  keyOf,
  NOON_US,
  samplesOf,
  SECOND_US,
  seriesIdHex,
  seriesOf,
  totalsOf,
  type TestSample,
} from '../../testing/entries.ts';
import { PACKING_AT_ONCE } from '../../testing/packing-at-once.ts';
import type { TestDatabase, TestServer } from '../../testing/test-server.ts';
import type { PostgresStore } from '../postgres-store.ts';
import { runQuery, type QueryValue } from '../connection/run-query.ts';
import { PACKING_DEFAULTS, type PackingSettings } from '../samples/sample-placement.ts';
import { MINUTE_US } from '../layout/time-spans.ts';
import { readContents, readLedger } from './postgres-contents.ts';
import { readRanges } from './read-ranges.ts';

/** Samples that wait in the head, and those that are packed: the same as they came, each once. */
export function describePacking(name: string, start: () => Promise<TestServer>): void {
  describe(`${name}: packed samples`, () => {
    let postgres: TestServer;
    let database: TestDatabase;
    let stores: PostgresStore[];

    beforeAll(async () => {
      postgres = await start();
    });
    afterAll(() => postgres.stop());
    beforeEach(async () => {
      database = await postgres.createDatabase();
      stores = [];
    });
    afterEach(async () => {
      for (const store of stores) await store.close();
      await database.drop();
    });

    const open = (packing: Partial<PackingSettings> = {}): PostgresStore => {
      const settings = { packing: { ...PACKING_DEFAULTS, ...packing } };
      const store = postgres.openStore({
        connection: database.connection,
        log: silentLog,
        settings,
      });
      stores.push(store);
      return store;
    };
    const sql = async (text: string): Promise<QueryValue[][]> =>
      (await runQuery(database.connection, text, { write: true })).rows;
    const sizes = async () =>
      (
        await sql(`SELECT
          (SELECT count(*) FROM samples_head), (SELECT count(*) FROM samples_packed),
          (SELECT coalesce(sum(count), 0)::integer FROM samples_packed),
          (SELECT count(*) FROM samples_narrow)`)
      )[0];
    let at = 0;
    beforeEach(() => (at = 0));
    const apply = async (
      store: PostgresStore,
      samples: readonly TestSample[],
      more: object = {},
    ) => {
      const range = { from: addressOf(at), to: addressOf(at + 1) };
      at += 1;
      const result = await store.apply(batchOf(range, { samples: samplesOf(samples), ...more }));
      expect(result.outcome).toBe('applied');
      return result;
    };
    const upAt = (second: number, more: Partial<TestSample> = {}): TestSample => ({
      ...{ series: seriesOf('up'), timeUs: NOON_US + second * SECOND_US, value: second },
      ...more,
    });
    const values = async () =>
      (await readContents(database.connection)).samples.map(({ value }) => value);

    it('wait until there are enough of them, and then lie in one row for each series', async () => {
      const store = open({ headRowsMin: 6, packSamplesMin: 2 });
      await store.openMark(keyOf());
      await apply(store, [upAt(1), upAt(2)]);
      await apply(store, [upAt(3), upAt(4)]);
      expect(await sizes()).toEqual([4, 0, 0, 0]);
      await apply(store, [upAt(5), upAt(6)]);
      expect(await sizes()).toEqual([0, 1, 6, 0]);
      await apply(store, [upAt(7)]);
      expect(await sizes()).toEqual([1, 1, 6, 0]);
      expect(await values()).toEqual([1, 2, 3, 4, 5, 6, 7]);
    });

    it('wait for no more than a while, whatever comes then', async () => {
      const store = open({ headMsMax: 1 });
      await store.openMark(keyOf());
      await apply(store, [upAt(1)]);
      await expect
        .poll(async () => {
          await apply(store, []);
          return sizes();
        })
        .toEqual([0, 1, 1, 0]);
    });

    it('are packed by another writer than the one that left them there', async () => {
      const first = open();
      await first.openMark(keyOf());
      await apply(first, [upAt(1), upAt(2, { stale: true }), upAt(3, { value: -0 })]);
      const second = open({ headRowsMin: 5, packSamplesMin: 1 });
      await apply(second, [upAt(4), upAt(5)]);
      expect(await sizes()).toEqual([0, 1, 5, 0]);
      await apply(first, [upAt(6)]);
      await apply(second, [upAt(7)]);
      await apply(first, [upAt(8)]);
      expect(await values()).toEqual([1, undefined, -0, 4, 5, 6, 7, 8]);
    });

    it('of two sources are never taken for one another', async () => {
      const store = open();
      const other = open();
      const job = { key: { source: 'job-1' } };
      await store.openMark(keyOf());
      await store.openMark(keyOf(job.key));
      await apply(store, [upAt(1)]);
      const brought = { samples: samplesOf([upAt(2), upAt(3)]) };
      await other.apply(batchOf({ to: addressOf(1), ...job }, brought));
      // The first one still believes in a head of one row.
      await apply(open({ headRowsMin: 4, packSamplesMin: 1 }), [upAt(4)]);
      const last = { samples: samplesOf([upAt(6)]) };
      await other.apply(batchOf({ from: addressOf(1), to: addressOf(2), ...job }, last));
      await apply(store, [upAt(5)]);
      expect(await values()).toEqual([1, 2, 3, 4, 5, 6]);
    });

    it('that somebody deleted while they waited stay deleted', async () => {
      const store = open({ headRowsMin: 4, packSamplesMin: 1 });
      await store.openMark(keyOf());
      await apply(store, [upAt(1), upAt(2)]);
      await sql('DELETE FROM samples_head WHERE value = 1');
      await apply(store, [upAt(3), upAt(4)]);
      await apply(store, [upAt(5)]);
      expect(await values()).toEqual([2, 3, 4, 5]);
    });

    it('are refused one by one, whatever table has the constraint', async () => {
      await refuseValue(sql, 42);
      const store = open(PACKING_AT_ONCE);
      await store.openMark(keyOf());
      const samples = [1, 42, 3].map((value, i) => upAt(i, { value }));
      const lone = { ...upAt(9), series: seriesOf('other') };
      const ledger = [
        {
          totals: [totalsOf({ accepted: 4, stored: 4 })],
          ...{ partitionTimeUs: NOON_US, watermarkUs: NOON_US, position: 1 },
        },
      ];
      const definitions = [definitionOf('up'), definitionOf('other')];
      const result = await apply(store, [...samples, lone], { definitions, ledger });
      expect(result).toMatchObject({ deadLetters: 1, deadLettersBy: { store_refused: 1 } });
      expect(await sizes()).toEqual([0, 1, 1, 2]);
      expect(new Set(await values())).toEqual(new Set([1, 3, 9]));
      expect(await readLedger(database.connection, 0)).toEqual([
        totalsOf({ accepted: 4, stored: 3, deadLetter: 1 }),
      ]);
    });

    it('of many series are sent in slices, also when one of the first is refused', async () => {
      await refuseValue(sql, 42);
      const store = open(PACKING_AT_ONCE);
      await store.openMark(keyOf());
      const samples = Array.from({ length: 2000 }, (_, i) => {
        return { ...upAt(i % 7, { value: i }), series: seriesOf('many', { n: String(i) }) };
      });
      expect(await apply(store, samples)).toMatchObject({ deadLetters: 1 });
      const found = await values();
      expect(found.toSorted((a, b) => a! - b!)).toEqual(
        samples.map(({ value }) => value).filter((value) => value !== 42),
      );
    });

    it('that are refused get ranges of narrow rows, and no others do', async () => {
      await refuseValue(sql, 42);
      const store = open(PACKING_AT_ONCE);
      await store.openMark(keyOf());
      // So far from one another that no range of a native layout has two, wherever now is.
      const far = 400 * 86_400;
      const samples = [upAt(0), upAt(far), upAt(far + 1, { value: 42 }), upAt(2 * far)];
      expect(await apply(store, samples)).toMatchObject({ deadLetters: 1 });
      expect(await sizes()).toEqual([0, 2, 2, 1]);
      const tables = (await readRanges(postgres, database.connection)).map(({ table }) => table);
      expect(tables.filter((table) => table === 'samples_narrow')).toHaveLength(1);
    });

    it('are the same as they came, bit for bit, in rows that keep their promises', async () => {
      const packings = [PACKING_AT_ONCE, { headRowsMin: 20, packSamplesMin: 1 }, {}];
      const some = packings.map((packing) => open(packing));
      await some[0]!.openMark(keyOf());
      const expected = new Map<string, string[]>();
      let n = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(batchArbitrary, { maxLength: 4 }), async (batches) => {
          n += 1;
          for (const { store, samples } of batches) {
            const mine = samples.map(({ which, ...sample }) => {
              const series = seriesOf('any', { n: String(n), which: String(which) });
              const list = expected.get(seriesIdHex(series)) ?? [];
              expected.set(seriesIdHex(series), [...list, textOf(sample)]);
              return { ...sample, series };
            });
            await apply(some[store]!, mine);
          }
        }),
        { numRuns: 120 },
      );
      const found = new Map<string, string[]>();
      for (const row of (await readContents(database.connection)).samples) {
        const stale = row.value === undefined;
        const list = found.get(row.seriesId) ?? [];
        found.set(row.seriesId, [...list, textOf({ ...row, value: row.value ?? 0, stale })]);
      }
      const sorted = (map: Map<string, string[]>) =>
        new Map([...map].map(([id, list]) => [id, list.toSorted()] as const));
      expect(sorted(found)).toEqual(sorted(expected));
      const broken = await sql(`SELECT * FROM samples WHERE
        bucket < date_trunc('minute', time) OR bucket > date_trunc('minute', time) + '10 minutes'
        OR bucket::date <> time::date`);
      expect(broken).toEqual([]);
      const [[used]] =
        (await sql(`SELECT count(small) > 0 AND count(large) > 0 AND count(floats) > 0
        AND count(offsets) > 0 AND count(step) > 0 AND count(stale_places) > 0
        AND max(count) > 4 FROM samples_packed`)) as [[boolean]];
      expect(used).toBe(true);
    });

    it('that are unverified are found in each of the three tables', async () => {
      const store = open({ headRowsMin: 6, packSamplesMin: 1 });
      await store.openMark(keyOf());
      // A regular row, one with offsets, and rows in the head.
      await apply(
        store,
        [1, 2, 3, 100, 107, 200].map((second) => upAt(second)),
      );
      const irregular = { series: seriesOf('irregular') };
      const odd = [1, 2, 5, 9, 10, 30].map((second) => upAt(second, irregular));
      await apply(store, odd);
      await apply(store, [upAt(300)]);
      const known = [1, 3, 100, 107, 200, 300].map((second) => upAt(second));
      const unknown = [0, 4, 99, 101, 201].map((second) => upAt(second));
      const late = [...known, ...unknown, upAt(5, irregular), upAt(6, irregular)];
      const result = await apply(
        store,
        late.map((sample) => ({ ...sample, unverified: true })),
      );
      expect(result.unverifiedDuplicates).toBe(7);
      expect(await values()).toHaveLength(6 + 6 + 1 + 6);
    });

    it(
      'that are unverified cost the same where many are of one series',
      { timeout: MANY_MS_MAX },
      async () => {
        const store = open();
        await store.openMark(keyOf());
        // All of them wait in the head, and each batch is looked for among those before it.
        for (let batch = 0; batch < 4; batch += 1) {
          const some = Array.from({ length: MANY }, (_, i) => upAt(4 * i + batch));
          const result = await apply(
            store,
            [...some, ...some.slice(0, 10)].map((one) => ({ ...one, unverified: true })),
          );
          expect(result.unverifiedDuplicates).toBe(10);
        }
        expect((await sizes())![0]).toBe(4 * MANY);
      },
    );

    it('of one series over a day are found by the index', async () => {
      const store = open(PACKING_AT_ONCE);
      await store.openMark(keyOf());
      const day = Array.from({ length: 8640 }, (_, i) => upAt(10 * i, { value: i / 10 }));
      await apply(store, day);
      const many = Array.from({ length: 20_000 }, (_, i) => ({
        ...upAt(0),
        series: seriesOf('other', { i: String(i) }),
      }));
      await apply(store, many);
      await sql('ANALYZE samples_packed');
      const id = `(x'${seriesIdHex(seriesOf('up'))}')::bigint`;
      const from = `timestamptz '2026-03-01 12:00Z'`;
      const read = `SELECT time, value FROM samples WHERE series_id = ${id}
        AND time >= ${from} AND time < ${from} + '1 day'
        AND bucket >= ${from} AND bucket < ${from} + interval '1 day 10 minutes'`;
      expect(await sql(`SELECT count(*) FROM (${read}) AS all_of_it`)).toEqual([[8640]]);
      const plan = (await sql(`EXPLAIN ${read}`)).map(([line]) => line as string).join('\n');
      expect(plan).toMatch(/Index Scan.*series_id_bucket/);
    });
  });
}

/** Each with each would be a thousand million comparisons, and take minutes. */
const MANY = 12_000;
const MANY_MS_MAX = 20_000;

const secondArbitrary = fc.oneof(
  fc.integer({ min: 0, max: 40 }),
  // Across midnight, and far away.
  fc.integer({ min: 12 * 3600 - 300, max: 12 * 3600 + 300 }),
  fc.constant(-1_000_000_000),
);
const timeArbitrary = fc.oneof(
  secondArbitrary.map((second) => NOON_US + second * SECOND_US),
  fc.integer({ min: NOON_US - MINUTE_US, max: NOON_US + 30 * MINUTE_US }),
);
const valueArbitrary = fc.oneof(
  fc.integer({ min: -300, max: 300 }),
  fc.integer({ min: -300, max: 300 }).map((n) => n / 100),
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 }),
  fc.maxSafeInteger(),
  fc.double(),
  fc.constantFrom(-0, NaN, Infinity, -Infinity, 5e-324, 2 ** 53, 1e300),
);
const sampleArbitrary = fc.record({
  which: fc.integer({ min: 0, max: 2 }),
  timeUs: timeArbitrary,
  value: valueArbitrary,
  stale: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
});
/** As a scrape has them: the same step, values of one kind. */
const regularArbitrary = fc
  .tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 1000 }), fc.integer())
  .map(([count, scale, base]) =>
    Array.from({ length: count }, (_, i) => ({
      ...{ which: 3, stale: i === 7, timeUs: NOON_US + i * 5 * SECOND_US },
      value: (base + ((i * 37) % 100)) / scale,
    })),
  );
const batchArbitrary = fc.record({
  store: fc.integer({ min: 0, max: 2 }),
  samples: fc.oneof(fc.array(sampleArbitrary, { maxLength: 12 }), regularArbitrary),
});

function textOf({ timeUs, value, stale }: Readonly<Omit<TestSample, 'series'>>): string {
  const text = Object.is(value, -0) ? '-0' : String(value);
  return `${timeUs} ${stale === true ? 'stale' : text}`;
}

/** A constraint on raw samples, wherever they lie. */
async function refuseValue(run: (text: string) => Promise<unknown>, value: number): Promise<void> {
  await run(`CREATE FUNCTION is_packed(packed samples_packed, wanted float8) RETURNS boolean
    LANGUAGE sql IMMUTABLE AS $$
      SELECT coalesce(bool_or(
        coalesce((packed.base + coalesce(s, l))::float8 / packed.divisor, f) = wanted
      ), false) FROM unnest(packed.small, packed.large, packed.floats) AS one(s, l, f)
    $$`);
  await run(`CREATE FUNCTION refuse_packed() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF is_packed(NEW, ${value}) THEN RAISE EXCEPTION 'not ${value}'; END IF;
      RETURN NEW;
    END $$`);
  await run(`CREATE TRIGGER sane BEFORE INSERT ON samples_packed
    FOR EACH ROW EXECUTE FUNCTION refuse_packed()`);
  for (const table of ['samples_head', 'samples_narrow']) {
    await run(`ALTER TABLE ${table} ADD CONSTRAINT sane CHECK (value <> ${value})`);
  }
}
