import { ExponentialHistogram, HyperLogLog, PieceInputs, pieceName } from '@millrace/model';
import { silentLog } from '@millrace/runtime';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Piece } from '@millrace/model';
import type { EditionEntry, Entries } from '@millrace/wire';
import {
  addressOf,
  batchOf,
  definitionOf,
  keyOf,
  LOG_ID,
  NOON_US,
  OTHER_LOG_ID,
  pieceOf,
  samplesOf,
  SECOND_US,
  seriesOf,
  TENANT,
} from '../../testing/entries.ts';
import { PACKING_AT_ONCE } from '../../testing/packing-at-once.ts';
import type { TestDatabase, TestServer } from '../../testing/test-server.ts';
import type { PostgresStore } from '../postgres-store.ts';
import { runQuery, type QueryValue } from '../connection/run-query.ts';

/** What people query, on any layout of the tables below. */
export function describeViews(name: string, start: () => Promise<TestServer>): void {
  describe(`${name}: what people query`, () => {
    let postgres: TestServer;
    let database: TestDatabase;
    let store: PostgresStore;
    let offsets: Map<number, number>;

    beforeAll(async () => {
      postgres = await start();
    });
    afterAll(() => postgres.stop());
    const openDatabase = async (): Promise<() => Promise<void>> => {
      database = await postgres.createDatabase();
      const settings = { packing: PACKING_AT_ONCE };
      store = postgres.openStore({ connection: database.connection, log: silentLog, settings });
      offsets = new Map();
      return async () => {
        await store.close();
        await database.drop();
      };
    };

    const query = async (sql: string): Promise<QueryValue[][]> =>
      (await runQuery(database.connection, sql)).rows;

    const linesOf = (plan: QueryValue[][]) => plan.map(([line]) => line as string).join('\n');

    async function put(partition: number, entries: Partial<Entries>): Promise<void> {
      const from = offsets.get(partition);
      if (from === undefined) await store.openMark(keyOf({ partition }));
      const range = { from: addressOf(from ?? 0), to: addressOf((from ?? 0) + 1) };
      const result = await store.apply(batchOf({ ...range, key: { partition } }, entries));
      expect(result).toMatchObject({ outcome: 'applied', deadLetters: 0 });
      offsets.set(partition, range.to.offset);
    }

    const edition = (
      rule: string,
      number: number,
      fromPartitionTimeUs = 0,
      fromLargestTimeUs = fromPartitionTimeUs,
    ): EditionEntry => ({
      edition: number,
      rule,
      definition: '{}',
      widthsUs: [300 * SECOND_US],
      aggregates: ['sum'],
      fromPosition: 1,
      fromPartitionTimeUs,
      fromLargestTimeUs,
      partitions: 2,
    });
    const watermark = (watermarkUs: number) => [
      { totals: [], partitionTimeUs: watermarkUs, watermarkUs, position: 1 },
    ];
    const REQUESTS = definitionOf('requests:sum');

    describe('series_windows', () => {
      beforeEach(openDatabase);

      const columns = (sql: string) => `SELECT ${sql} FROM series_windows ORDER BY start`;

      it('merges the pieces of a window in the order of partition and piece', async () => {
        const inputs = (entries: [string, number, number][]) => {
          const made = PieceInputs.empty();
          for (const [n, timeUs, value] of entries)
            made.set(seriesOf('in', { n }), 0, timeUs, value);
          return made.encode();
        };
        const sketch = (from: number) => {
          const made = HyperLogLog.empty();
          for (let i = from; i < from + 10; i += 1) made.addNumber(i);
          return made.encode();
        };
        const at = (second: number) => NOON_US + second * SECOND_US;
        // Summed in another order these give another float.
        const [a, b, c] = [0.1, 0.2, 0.3];
        const early: Partial<Piece> = {
          ...{ piece: pieceName(1, 20), count: 1, sum: c, min: NaN, max: NaN, increase: 1 },
          ...{ first: 30, firstTimeUs: at(9), last: 31, lastTimeUs: at(10), distinct: sketch(5) },
          inputs: inputs([['x', at(2), 5]]),
        };
        const middle: Partial<Piece> = {
          ...{ piece: pieceName(1, 30), count: 2, sum: a, min: -1, max: 7, increase: 2 },
          ...{ first: 10, firstTimeUs: at(1), last: 11, lastTimeUs: at(20), distinct: sketch(0) },
          ...{ inputs: inputs([['x', at(1), 99]]), marked: true },
        };
        const late: Partial<Piece> = {
          ...{ piece: pieceName(1, 5), count: 3, sum: b, min: 2, max: NaN, increase: 3 },
          ...{ first: 20, firstTimeUs: at(5), last: 21, lastTimeUs: at(6), distinct: sketch(100) },
          inputs: inputs([['y', at(1), 7]]),
        };
        await put(1, {
          definitions: [REQUESTS],
          editions: [edition('r', 7)],
          open: [pieceOf(late)],
        });
        await put(0, { finals: [pieceOf(middle)], open: [pieceOf(early)] });
        const [row] = await query(
          columns(`rule, edition, tenant, metric, width, end_time, count, sum, avg, min, max, first,
        last, increase, rate, distinct_count, sum_last, avg_last, count_series, pieces, marked`),
        );
        const sum = c + a + b;
        expect(row).toEqual([
          ...['r', 7, TENANT, 'requests:sum', '00:05:00', '2026-03-01T12:05:00Z'],
          ...[6, sum, sum / 6, -1, 7, 10, 11, 6, 6 / 300, 25, 12, 6, 2, 3, true],
        ]);
      });

      it('orders windows by the quantile of all their pieces, those without one last', async () => {
        // By either of its pieces alone, or by their sum, each would come at another place.
        const pieces: Record<string, [number[], number[]]> = {
          a: [Array.from({ length: 99 }, () => 1), [500]],
          b: [Array.from({ length: 10 }, () => 100), Array.from({ length: 300 }, () => 2)],
          c: [[900], Array.from({ length: 400 }, () => 3)],
          d: [Array.from({ length: 50 }, () => 40), Array.from({ length: 60 }, () => 50)],
        };
        const expected = new Map<string, number>();
        for (const [i, [host, both]] of Object.entries(pieces).entries()) {
          const definition = definitionOf('latency', { host });
          const merged = ExponentialHistogram.empty();
          for (const [partition, values] of both.entries()) {
            const histogram = ExponentialHistogram.empty();
            for (const value of values) histogram.add(value);
            merged.merge(histogram);
            const { fingerprint } = definition;
            const piece = pieceOf({ fingerprint, histogram: histogram.encode() });
            const first = i === 0 ? { editions: [edition('r', 7)] } : {};
            const kept = i % 2 === partition ? { open: [piece] } : { finals: [piece] };
            await put(partition, { definitions: [definition], ...first, ...kept });
          }
          expected.set(host, merged.quantile(0.99));
        }
        const none = definitionOf('latency', { host: 'none' });
        const { fingerprint } = none;
        await put(0, { definitions: [none], finals: [pieceOf({ fingerprint })] });
        const top = await query(
          `SELECT labels ->> 'host', quantile(histogram, 0.99) AS p99 FROM series_windows
            ORDER BY p99 DESC NULLS LAST LIMIT 3`,
        );
        const byValue = [...expected].toSorted(([, x], [, y]) => y - x).slice(0, 3);
        expect(top.map(([host]) => host)).toEqual(byValue.map(([host]) => host));
        for (const [i, [, p99]] of top.entries()) expect(p99).toBeCloseTo(byValue[i]![1], 10);
      });

      it('shows the final of a piece, and not what was open of it', async () => {
        await put(0, { definitions: [REQUESTS], editions: [edition('r', 7)] });
        await put(0, { open: [pieceOf({ sum: 1 })] });
        await put(0, { finals: [pieceOf({ sum: 2 })] });
        expect(await query(columns('sum, pieces'))).toEqual([[2, 1]]);
        // Even if both were there, as after a repair by hand.
        await runQuery(database.connection, `INSERT INTO windows_open SELECT * FROM windows`, {
          write: true,
        });
        expect(await query(columns('sum, pieces'))).toEqual([[2, 1]]);
      });

      it('shows served editions only, each in its range', async () => {
        await put(0, { definitions: [REQUESTS], editions: [edition('r', 7), edition('r', 8)] });
        const starts = [0, 1].map((i) => NOON_US + i * 300 * SECOND_US);
        await put(0, {
          finals: [7, 8].flatMap((number) =>
            starts.map((startUs) => pieceOf({ edition: number, startUs, sum: number })),
          ),
        });
        expect(await query(columns('edition, sum'))).toEqual([
          [7, 7],
          [7, 7],
        ]);
        await runQuery(
          database.connection,
          `WITH changed AS (UPDATE served SET range = '(,2026-03-01 12:05:00+00)')
       INSERT INTO served VALUES ('r', '[2026-03-01 12:05:00+00,)', 8)`,
          { write: true },
        );
        expect(await query(columns('edition, sum'))).toEqual([
          [7, 7],
          [8, 8],
        ]);
      });

      it('forgets windows that are deleted by a plain statement', async () => {
        const widths = [60, 300, 3600, 86_400].map((seconds) => seconds * SECOND_US);
        const finals = [7, 8].flatMap((number) =>
          widths.map((widthUs) => pieceOf({ edition: number, widthUs })),
        );
        await put(0, { finals });
        const left = async () => (await query('SELECT edition, width FROM windows')).length;
        const remove = (sql: string) => runQuery(database.connection, sql, { write: true });
        await remove("DELETE FROM windows WHERE edition = 7 AND width >= '5 minutes'");
        expect(await left()).toBe(5);
        await remove('DELETE FROM windows WHERE edition = 8');
        expect(await query('SELECT edition, width FROM windows')).toEqual([[7, '00:01:00']]);
      });

      it('calls a window complete when every partition is past its end', async () => {
        await put(0, { definitions: [REQUESTS], editions: [edition('r', 7)], finals: [pieceOf()] });
        const complete = async () => (await query(columns('complete')))[0]![0];
        const end = NOON_US + 300 * SECOND_US;
        await put(0, { ledger: watermark(end) });
        expect(await complete()).toBe(true);
        // A partition that has told nothing yet may still have everything to put out.
        await put(1, {});
        expect(await complete()).toBe(false);
        await put(1, { ledger: watermark(end - 1) });
        expect(await complete()).toBe(false);
        await put(1, { ledger: watermark(end) });
        expect(await complete()).toBe(true);
        // The mark of an abandoned log no longer counts, the one after it does.
        await store.acceptLog(keyOf({ partition: 1, logId: OTHER_LOG_ID, logNumber: 2 }));
        expect(await complete()).toBe(false);
      });

      it('calls the first window of an edition partial', async () => {
        // Also the one that begins at the very time of a sample of before.
        const began = edition('r', 7, NOON_US - 1, NOON_US);
        await put(0, { definitions: [REQUESTS], editions: [began] });
        const startUs = NOON_US + 300 * SECOND_US;
        await put(0, { finals: [pieceOf(), pieceOf({ startUs })] });
        expect(await query(columns('partial'))).toEqual([[true], [false]]);
      });

      it('calls windows partial that an edition which ended has not all of', async () => {
        const untilUs = NOON_US + 300 * SECOND_US;
        await put(0, { definitions: [REQUESTS], editions: [edition('r', 7)] });
        await put(0, { editionEnds: [{ edition: 7, position: 5, untilUs }] });
        await put(1, { editionEnds: [{ edition: 7, position: 9, untilUs: untilUs + 1 }] });
        await put(0, { finals: [pieceOf(), pieceOf({ startUs: untilUs })] });
        expect(await query(columns('partial'))).toEqual([[false], [true]]);
      });

      it('survives sums that leave the range of floats', async () => {
        await put(0, { definitions: [REQUESTS], editions: [edition('r', 7)] });
        const huge = { sum: Number.MAX_VALUE, increase: Number.MIN_VALUE, count: 3 };
        await put(0, { finals: [pieceOf({ ...huge, piece: 1 }), pieceOf({ ...huge, piece: 2 })] });
        expect(await query(columns('sum, avg, rate'))).toEqual([['Infinity', 'Infinity', 0]]);
      });

      it('reads the windows of one metric by index, without touching the others', async () => {
        await put(0, { definitions: [REQUESTS], editions: [edition('r', 7)], finals: [pieceOf()] });
        const plan = await query(
          `EXPLAIN SELECT sum FROM series_windows
       WHERE metric = 'requests:sum' AND start >= '2026-03-01' AND start < '2026-03-02'`,
        );
        const text = linesOf(plan);
        expect(text).toContain('series_definitions_metric');
        expect(text).toMatch(/Index Cond:.*start >= /);
      });

      it('calls no function for each window that can be put in place of its call', async () => {
        const plan = await query(
          `EXPLAIN (VERBOSE) SELECT avg, rate, quantile(histogram, 0.99), "distinct", inputs
       FROM series_windows WHERE start >= '2026-03-01'`,
        );
        const text = linesOf(plan);
        expect(text).toContain('quantile(');
        expect(text).toContain('merge_histograms(');
        expect(text).not.toMatch(
          /(?:rate|divide_floats|merged_histogram|merged_sketch|merged_inputs)\(/,
        );
      });
    });

    describe('merging', () => {
      // They only ask for plans.
      beforeAll(openDatabase);

      it.each([
        ['count, sum, max, avg', []],
        ['quantile(histogram, 0.5), quantile(histogram, 0.99)', ['histograms']],
        ['distinct_count, "distinct"', ['sketches']],
        ['sum_last, avg_last, count_series', ['series_inputs']],
      ])(
        'is done once of what a query asks for, and of nothing else: %s',
        async (asked, merged) => {
          for (const view of ['series_windows', 'edition_windows']) {
            const plan = await query(
              `EXPLAIN (VERBOSE) SELECT ${asked} FROM ${view} WHERE start >= '2026-03-01'`,
            );
            // Where it is grouped it is merged; plans repeat that where it is only looked at.
            const [, output] = /Aggregate .*\n\s*Output: (.*)/.exec(linesOf(plan)) ?? [];
            const calls = output!.match(/(?<=\bmerge_)[a-z_]+(?=\()/g);
            expect([view, calls ?? []]).toEqual([view, merged]);
          }
        },
      );
    });

    describe('selectors', () => {
      const all = [
        definitionOf('up', { job: 'api', host: 'a1' }),
        definitionOf('up', { job: 'api', host: 'a2' }),
        definitionOf('up', { job: 'db', 'weird.name': 'x,}"y' }),
        definitionOf('http_requests_total', { job: 'api', code: '500' }),
        definitionOf('weird metric', { job: '' }),
      ];
      // One for all of them: they only read.
      beforeAll(openDatabase);
      beforeAll(() => put(0, { definitions: all }));

      const hosts = async (selector: string) =>
        (
          await query(
            `SELECT metric || coalesce('/' || (labels ->> 'host'), '')
         FROM series_of($selector$${selector}$selector$) ORDER BY 1`,
          )
        ).flat();

      it.each([
        ['up', ['up', 'up/a1', 'up/a2']],
        ['up{}', ['up', 'up/a1', 'up/a2']],
        ['{job="db"}', ['up']],
        ['up{job="api", host!="a1"}', ['up/a2']],
        ['up{host=~"a.", }', ['up/a1', 'up/a2']],
        ['up{host=~"a"}', []],
        ['up{host=~"A1"}', []],
        ['up{host=~"(?i)A1"}', ['up/a1']],
        ['up{host!~"a1|a2"}', ['up']],
        ['up{host=""}', ['up']],
        ['up{host=~"|a1"}', ['up', 'up/a1']],
        ['up{none=""}', ['up', 'up/a1', 'up/a2']],
        ["up{host='a1'}", ['up/a1']],
        ['up{host=`a1`}', ['up/a1']],
        ['{__name__=~"http_.*"}', ['http_requests_total']],
        ['http_requests_total{code=~"5\\\\d\\\\d"}', ['http_requests_total']],
        ['{"weird metric"}', ['weird metric']],
        ['{"weird.name"="x,}\\"y"}', ['up']],
        ['  up  {  job  =  "db"  }  ', ['up']],
        ['up{job="api",job="db"}', []],
        ['{__name__="up",__name__!="up"}', []],
        ['{}', ['http_requests_total', 'up', 'up/a1', 'up/a2', 'weird metric']],
      ])('selects by %s', async (selector, expected) => {
        expect(await hosts(selector)).toEqual(expected);
      });

      it.each([
        '',
        ' ',
        'up{',
        'up}',
        'up{job}',
        'up{job=api}',
        'up{job="a" host="b"}',
        'up up',
        '1up',
      ])('refuses "%s" and says how to write one', async (selector) => {
        await expect(hosts(selector)).rejects.toMatchObject({
          code: 'STORE_QUERY',
          message: expect.stringContaining(`not a selector: ${selector}`),
          remedy: expect.stringContaining('name{label="value"'),
        });
      });

      it('gives the samples of the selected series between two times', async () => {
        const [first, second] = [all[0]!.fingerprint, all[1]!.fingerprint];
        const samples = [0, 1, 2, 3].flatMap((i) => [
          { series: first, timeUs: NOON_US + i * SECOND_US, value: i, stale: i === 2 },
          { series: second, timeUs: NOON_US + i * SECOND_US, value: 10 + i },
        ]);
        await put(0, { samples: samplesOf(samples) });
        const found = await query(
          `SELECT time, labels ->> 'host', value, stale
       FROM samples_of('up{host=~"a1"}', '2026-03-01 12:00:01Z', '2026-03-01 12:00:03Z')
       ORDER BY time`,
        );
        expect(found).toEqual([
          ['2026-03-01T12:00:01Z', 'a1', 1, false],
          ['2026-03-01T12:00:02Z', 'a1', null, true],
        ]);
      });

      it('touches only the partitions of samples that lie between', async () => {
        const day = 86_400 * SECOND_US;
        const series = all[0]!.fingerprint;
        // At noon, so that no range below reaches into another day, whenever this runs.
        const noon = (Math.floor(Date.now() / 86_400_000) + 0.5) * day;
        const samples = [0, 1, 2].map((i) => ({ series, timeUs: noon - i * day, value: i }));
        await put(0, { samples: samplesOf(samples) });
        const part = /samples_packed_\d{8}|_hyper_\d+_\d+_chunk/g;
        const count = (text: QueryValue[][]) => new Set(linesOf(text).match(part)).size;
        const iso = new Date((noon - day) / 1000).toISOString();
        const midnight = `date_trunc('day', now(), 'UTC')`;
        for (const filter of [
          `bucket BETWEEN '${iso.slice(0, 17)}00Z' AND '${iso}'`,
          `bucket >= ${midnight} - interval '1 hour' AND bucket < ${midnight}`,
          `time = '${iso}' AND bucket >= date_trunc('minute', timestamptz '${iso}')
             AND bucket < timestamptz '${iso}' + interval '10 minutes'`,
        ]) {
          const plan = await query(
            `EXPLAIN (ANALYZE, TIMING OFF) SELECT value FROM samples WHERE ${filter}`,
          );
          expect([filter, count(plan)]).toEqual([filter, 1]);
        }
        const plan = await query(
          `EXPLAIN SELECT value FROM samples_of('up', '${iso}', timestamptz '${iso}' + interval '1 s')`,
        );
        expect(count(plan)).toBe(1);
      });
    });

    describe('series', () => {
      beforeEach(openDatabase);

      it('shows metadata of a metric, also of the family it belongs to', async () => {
        const metadata = (metric: string, unit: string) => ({
          tenant: TENANT,
          metric,
          type: 'histogram',
          help: `About ${metric}.`,
          unit,
        });
        await put(0, {
          definitions: ['size', 'size_bucket', 'size_total', 'lonely'].map((one) =>
            definitionOf(one),
          ),
          metadata: [metadata('size', 'bytes'), metadata('size_total', '')],
        });
        expect(await query('SELECT metric, unit, help FROM series ORDER BY metric')).toEqual([
          ['lonely', null, null],
          ['size', 'bytes', 'About size.'],
          ['size_bucket', 'bytes', 'About size.'],
          ['size_total', '', 'About size_total.'],
        ]);
      });

      it('shows samples beside their labels', async () => {
        const definition = definitionOf('up', { host: 'a' });
        const sample = { series: definition.fingerprint, timeUs: NOON_US, value: 1 };
        await put(0, { definitions: [definition], samples: samplesOf([sample]) });
        expect(
          await query(`SELECT time, bucket, tenant, metric, labels, kind, value, stale, unverified
        FROM series_samples WHERE metric = 'up'`),
        ).toEqual([
          [
            ...['2026-03-01T12:00:00Z', '2026-03-01T12:00:00Z', TENANT, 'up', { host: 'a' }],
            ...['gauge', 1, false, false],
          ],
        ]);
        expect(await query('SELECT log_id, mark_offset FROM positions')).toEqual([[LOG_ID, 1]]);
      });
    });
  });
}
