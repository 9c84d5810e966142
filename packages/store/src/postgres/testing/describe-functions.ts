import { ExponentialHistogram, HyperLogLog, PieceInputs } from '@millrace/model';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seriesOf } from '../../testing/entries.ts';
import type { TestServer } from '../../testing/test-server.ts';
import { runQuery, type QueryValue } from '../connection/run-query.ts';

/** Functions over windows, against the code that the transformer has. */
export function describeFunctions(name: string, start: () => Promise<TestServer>): void {
  describe(`${name}: functions`, () => {
    /** Many cases of a property in one query: a round trip costs more than a case. */
    const CASES = { minLength: 20, maxLength: 40 } as const;
    const RUNS = { numRuns: 5 } as const;

    let postgres: TestServer;
    beforeAll(async () => {
      postgres = await start();
    });
    afterAll(() => postgres.stop());

    const query = async (sql: string): Promise<QueryValue[][]> =>
      (await runQuery(postgres.connection, sql)).rows;
    /** Evaluates an expression over rows of literals, which it knows as columns a, b, c. */
    const evaluate = async (expression: string, rows: readonly string[]): Promise<QueryValue[]> => {
      const values = rows.map((row, i) => `(${i}, ${row})`).join(', ');
      const sql = `SELECT ${expression} FROM (VALUES ${values}) AS given(i, a, b, c) ORDER BY i`;
      return (await query(sql)).map(([value]) => value!);
    };

    const hex = (bytes: Uint8Array) => `'\\x${Buffer.from(bytes).toString('hex')}'::bytea`;
    const float = (value: number) => `'${Object.is(value, -0) ? '-0' : value}'::float8`;
    const number = (value: QueryValue) => (value === null ? null : Number(value));

    /** Values of all sizes; plain `fc.double` hardly ever finds two of similar size. */
    const value = fc.oneof(
      fc.double(),
      fc.double({ min: -1000, max: 1000 }),
      fc.integer({ min: -5, max: 5 }),
      fc.constantFrom(Infinity, -Infinity, NaN, 0, -0, Number.MAX_VALUE, Number.MIN_VALUE),
    );

    describe('float arithmetic', () => {
      it('adds and divides as IEEE 754 says, and never raises an error', async () => {
        const pair = fc.tuple(value, value, fc.integer({ min: 1, max: 2 ** 53 - 1 }));
        await fc.assert(
          fc.asyncProperty(fc.array(pair, CASES), async (cases) => {
            const rows = cases.map(([a, b, n]) => `${float(a)}, ${float(b)}, ${n}::float8`);
            const sums = await evaluate('add_floats(a, b)', rows);
            const quotients = await evaluate('divide_floats(a, c)', rows);
            cases.forEach(([a, b, n], i) => {
              expect(number(sums[i]!)).toBe(a + b === 0 ? number(sums[i]!) : a + b);
              // The smallest numbers are rounded twice on the way.
              const error = Math.abs(number(quotients[i]!)! - a / n);
              if (!(error <= Number.MIN_VALUE)) expect(number(quotients[i]!)).toBe(a / n);
            });
          }),
          RUNS,
        );
      });

      it('sums in the given order', async () => {
        await fc.assert(
          fc.asyncProperty(fc.array(value, { minLength: 1, maxLength: 50 }), async (values) => {
            const list = values.map((one, i) => `(${i}, ${float(one)})`).join(', ');
            const [[sum]] = (await query(
              `SELECT sum_in_order(v ORDER BY i) FROM (VALUES ${list}) AS given(i, v)`,
            )) as [[QueryValue]];
            const expected = values.reduce((a, b) => a + b);
            if (expected === 0) expect(number(sum)! + 0).toBe(0);
            else expect(number(sum)).toBe(expected);
          }),
          RUNS,
        );
      });

      it('rates an increase by the width of its window', async () => {
        expect(await query("SELECT rate(30, '5 minutes'), rate(NULL, '1 hour')")).toEqual([
          [0.1, null],
        ]);
      });
    });

    describe('histograms', () => {
      const histogram = fc
        .array(fc.tuple(value, fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 1000 }))), {
          maxLength: 30,
        })
        .map((values) => {
          const made = ExponentialHistogram.empty();
          for (const [one, count] of values) made.add(one, count);
          return made;
        });

      it('gives the quantiles that the transformer gives', async () => {
        const q = fc.oneof(
          fc.double({ min: 0, max: 1 }),
          fc.constantFrom(0, 0.5, 0.99, 1, -1, 2, NaN),
        );
        await fc.assert(
          fc.asyncProperty(fc.array(fc.tuple(histogram, q), CASES), async (cases) => {
            const rows = cases.map(([one, at]) => `${hex(one.encode())}, ${float(at)}, 0`);
            const found = await evaluate('quantile(a, b)', rows);
            cases.forEach(([one, at], i) => {
              const expected = one.count === 0 ? null : one.quantile(at);
              if (expected === null || !Number.isFinite(expected) || Math.abs(expected) < 1e-300) {
                expectNear(number(found[i]!), expected);
              } else {
                expect(number(found[i]!)! / expected).toBeCloseTo(1, 10);
              }
            });
          }),
          RUNS,
        );
      });

      it('merges to the very bytes that the transformer makes', async () => {
        const groups = fc.array(fc.array(histogram, { minLength: 1, maxLength: 4 }), CASES);
        await fc.assert(
          fc.asyncProperty(groups, async (cases) => {
            const rows = cases.map(
              (group) => `ARRAY[${group.map((one) => hex(one.encode())).join()}], 0, 0`,
            );
            const found = await evaluate(
              '(SELECT merge_histogram(one) FROM unnest(a) AS one)',
              rows,
            );
            cases.forEach((group, i) => {
              const merged = ExponentialHistogram.empty();
              for (const one of group) merged.merge(one);
              const alone = group.length === 1 ? group[0]! : merged;
              expect(found[i]).toBe(`\\x${Buffer.from(alone.encode()).toString('hex')}`);
            });
          }),
          RUNS,
        );
      });

      it('reduces the scale exactly when more than 160 buckets would be spanned', async () => {
        const single = (index: number) => {
          const made = ExponentialHistogram.empty();
          made.add(2 ** ((index + 0.5) / 256));
          return made;
        };
        for (const last of [159, 160, 319, 320]) {
          const merged = single(0);
          merged.merge(single(last));
          const list = [single(0), single(last)].map((one) => `(${hex(one.encode())})`).join();
          expect(
            await query(`SELECT merge_histogram(one) FROM (VALUES ${list}) AS given(one)`),
          ).toEqual([[`\\x${Buffer.from(merged.encode()).toString('hex')}`]]);
        }
      });

      it('finds each rank on both sides of zero, whichever end it is looked for from', async () => {
        const made = ExponentialHistogram.empty();
        for (const one of [-Infinity, -300, -300, -2, 0, 0, 1e-310, 5, 700, 700, 700, Infinity]) {
          made.add(one);
        }
        const ranks = Array.from({ length: made.count }, (_, i) => (i + 1) / made.count);
        const rows = ranks.map((q) => `${hex(made.encode())}, ${float(q)}, 0`);
        const found = await evaluate('quantile(a, b)', rows);
        ranks.forEach((q, i) => {
          const expected = made.quantile(q);
          if (!Number.isFinite(expected) || Math.abs(expected) < 1e-300) {
            expectNear(number(found[i]!), expected);
          } else {
            expect(number(found[i]!)! / expected).toBeCloseTo(1, 10);
          }
        });
      });

      it('is NULL of nothing', async () => {
        const calls = [
          ...['merge_histogram(NULL)', 'merged_histogram(NULL)', "merged_histogram('{}')"],
          ...['quantile(NULL, 0.5)', "quantile('\\x0100', NULL)", 'power_of_two(NULL)'],
          ...['merged_sketch(NULL)', 'merged_inputs(NULL)', "merged_inputs('{}')"],
          ...['divide_floats(NULL, 2)', 'divide_floats(2, NULL)', "rate(NULL, '1 hour')"],
        ];
        expect(await query(`SELECT ${calls.join()}`)).toEqual([calls.map(() => null)]);
      });
    });

    function expectNear(found: number | null, expected: number | null): void {
      if (found !== null && expected !== null && Math.abs(found - expected) < 1e-300) return;
      expect(found).toBe(expected);
    }

    describe('distinct sketches', () => {
      /** Sizes on both sides of the sparse form's limit. */
      const sketch = fc
        .tuple(fc.constantFrom(0, 1, 10, 300, 3000, 6000, 40_000), fc.integer({ min: 0, max: 9 }))
        .map(([size, from]) => {
          const made = HyperLogLog.empty();
          for (let i = 0; i < size; i += 1) made.addNumber(from * 1000 + i);
          return made;
        });

      it('estimates what the transformer estimates', async () => {
        await fc.assert(
          fc.asyncProperty(fc.array(sketch, { minLength: 3, maxLength: 5 }), async (cases) => {
            const found = await evaluate(
              'distinct_count(a)',
              cases.map((one) => `${hex(one.encode())}, 0, 0`),
            );
            cases.forEach((one, i) => {
              // Summed in another order: the last digit may round differently.
              expect(Math.abs(number(found[i]!)! - one.estimate())).toBeLessThanOrEqual(1);
            });
          }),
          RUNS,
        );
      });

      it('merges to the very bytes that the transformer makes', async () => {
        const groups = fc.array(fc.array(sketch, { minLength: 1, maxLength: 3 }), {
          minLength: 2,
          maxLength: 3,
        });
        await fc.assert(
          fc.asyncProperty(groups, async (cases) => {
            const found = await evaluate(
              '(SELECT merge_distinct(one) FROM unnest(a) AS one)',
              cases.map((group) => `ARRAY[${group.map((one) => hex(one.encode())).join()}], 0, 0`),
            );
            cases.forEach((group, i) => {
              const merged = HyperLogLog.empty();
              for (const one of group) merged.merge(one);
              expect(found[i]).toBe(`\\x${Buffer.from(merged.encode()).toString('hex')}`);
            });
          }),
          { numRuns: 3 },
        );
      });
    });

    it('merges sketches around the size at which they become dense', async () => {
      const sparse = HyperLogLog.empty();
      let bytes = sparse.encode();
      let next = 0;
      for (; bytes[0] === 1; next += 1) {
        sparse.addNumber(next);
        bytes = sparse.encode();
      }
      // Without the last number it is as large as a sparse one can be.
      const largest = HyperLogLog.empty();
      for (let i = 0; i < next - 1; i += 1) largest.addNumber(i);
      const [known, unknown] = [HyperLogLog.empty(), HyperLogLog.empty()];
      known.addNumber(0);
      unknown.addNumber(next - 1);
      const found = await evaluate('(SELECT merge_distinct(one) FROM unnest(a) AS one)', [
        `ARRAY[${hex(largest.encode())}, ${hex(known.encode())}], 0, 0`,
        `ARRAY[${hex(largest.encode())}, ${hex(unknown.encode())}], 0, 0`,
      ]);
      expect(found[0]).toBe(`\\x${Buffer.from(largest.encode()).toString('hex')}`);
      expect(found[1]).toBe(`\\x${Buffer.from(bytes).toString('hex')}`);
      expect(bytes[0]).toBe(2);
    });

    describe('inputs', () => {
      interface Input {
        series: number;
        timeUs: number;
        value: number;
      }
      const input = fc.record<Input>({
        series: fc.integer({ min: 0, max: 20 }),
        timeUs: fc.integer({ min: 0, max: 50 }),
        value: fc.double({ min: -1e6, max: 1e6, noNaN: true }),
      });
      const piecesOf = (groups: readonly Input[][]) =>
        groups.map((group) => {
          const inputs = PieceInputs.empty();
          for (const { series, timeUs, value: one } of group) {
            inputs.set(seriesOf('input', { n: String(series) }), 0, timeUs, one);
          }
          return inputs;
        });
      const row = (inputs: PieceInputs) => {
        const bytes = Buffer.from(inputs.encode());
        const columns: [string[], string[], string[]] = [[], [], []];
        for (let at = 5; at < bytes.length; at += 24) {
          columns[0].push(bytes.readBigInt64BE(at).toString());
          columns[1].push(`timestamptz 'epoch' + ${bytes.readDoubleBE(at + 8)} * interval '1 us'`);
          columns[2].push(float(bytes.readDoubleBE(at + 16)));
        }
        const [ids, times, values] = columns.map((column) => column.join());
        return `ROW(ARRAY[${ids}]::bigint[], ARRAY[${times}]::timestamptz[],
      ARRAY[${values}]::float8[])::series_inputs`;
      };

      it('merges as the transformer does, series by series', async () => {
        const groups = fc.array(fc.array(input, { maxLength: 15 }), { minLength: 1, maxLength: 3 });
        await fc.assert(
          fc.asyncProperty(groups, async (case_) => {
            const pieces = piecesOf(case_);
            const list = pieces.map((one, i) => `(${i}, ${row(one)})`).join(', ');
            const [found] = await query(
              `SELECT sum_last(merged), avg_last(merged), count_series(merged) FROM (
             SELECT merge_inputs(one ORDER BY i) AS merged FROM (VALUES ${list}) AS given(i, one)
           ) AS merging`,
            );
            const merged = PieceInputs.empty();
            for (const one of pieces) merged.merge(one);
            if (merged.size === 0) {
              expect(found![2] ?? 0).toBe(0);
              return;
            }
            expect(found!.map(number)).toEqual([merged.sumLast(), merged.avgLast(), merged.size]);
          }),
          { numRuns: 20 },
        );
      });
    });
  });
}
