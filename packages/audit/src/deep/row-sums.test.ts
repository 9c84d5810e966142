import { SampleFlag } from '@millrace/model';
import type { SampleRowColumns } from '@millrace/store';
import { emptyEntries, type Entries } from '@millrace/wire';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RefusedArrivals } from '../letters/refused-arrivals.ts';
import { StoredExpiry } from '@millrace/store';
import { KeptRows } from '../kept-rows.ts';
import { SeriesTable } from '../series-table.ts';
import { RowSums } from './row-sums.ts';

interface Row {
  series: number;
  timeUs: number;
  value: number;
  flags: number;
}

const T0 = 1_700_000_000_000_000;
const row: fc.Arbitrary<Row> = fc.record({
  series: fc.nat(40),
  timeUs: fc.oneof(fc.nat(100), fc.nat(1_000_000)).map((at) => T0 + at),
  value: fc.oneof(fc.constantFrom(0, -0, 1, 2, NaN, Infinity), fc.double()),
  flags: fc.constantFrom(0, 0, 0, SampleFlag.stale),
});

function entriesOf(rows: readonly Row[]): Entries {
  const seriesIds = new Uint8Array(8 * rows.length);
  rows.forEach(({ series }, i) => seriesIds.fill(series, 8 * i, 8 * i + 8));
  return {
    ...emptyEntries(),
    samples: {
      ...{ count: rows.length, seriesIds },
      times: Float64Array.from(rows, ({ timeUs }) => timeUs),
      values: Float64Array.from(rows, ({ value }) => value),
      flags: Uint8Array.from(rows, ({ flags }) => flags),
    },
  };
}

function columnsOf(rows: readonly Row[]): SampleRowColumns {
  const id = Uint32Array.from(rows, ({ series }) => series * 0x01010101);
  return {
    ...{ count: rows.length, idHigh: id, idLow: id },
    times: Float64Array.from(rows, ({ timeUs }) => timeUs),
    values: Float64Array.from(rows, ({ value, flags }) => (flags === 0 ? value : NaN)),
    flags: Uint8Array.from(rows, ({ flags }) => flags),
    absent: Uint8Array.from(rows, ({ flags }) => (flags === 0 ? 0 : 1)),
  };
}

function doubtful(
  expected: readonly Row[],
  found: readonly Row[],
  { exactFromUs = -Infinity, keptFromUs = -Infinity } = {},
): number[] {
  const refused = new RefusedArrivals();
  const scope = { fromUs: keptFromUs, untilUs: Infinity };
  const kept = new KeptRows(new StoredExpiry([]), new SeriesTable());
  const of = { exactFromUs: [exactFromUs], scope, kept, refused };
  const sums = new RowSums({ slices: 1, slice: 0 }, of);
  sums.begin(0);
  sums.take(entriesOf(expected));
  sums.samples(columnsOf(found.filter(({ timeUs }) => timeUs >= keptFromUs)));
  const series = sums.doubtful();
  if (series === undefined) return [];
  const all = new Set([...expected, ...found].map((one) => one.series));
  return [...all].filter((one) => series.has(one * 0x01010101, one * 0x01010101));
}

it('finds the same rows to be the same, in whatever order', () => {
  fc.assert(
    fc.property(fc.array(row, { maxLength: 300 }), fc.nat(), (rows, seed) => {
      const other = rows.toSorted((a, b) => {
        return Math.imul(a.timeUs | 0, seed | 1) - Math.imul(b.timeUs | 0, seed | 1);
      });
      expect(doubtful(rows, other)).toEqual([]);
    }),
  );
});

it('doubts exactly the series of which a row is otherwise, missing or too many', () => {
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 100 }), row, fc.nat(), (rows, b, n) => {
      const i = n % rows.length;
      const a = rows[i]!;
      const without = rows.toSpliced(i, 1);
      expect(doubtful(rows, without)).toEqual([a.series]);
      expect(doubtful(rows, [...rows, a])).toEqual([a.series]);
      const isSame =
        a.series === b.series &&
        a.timeUs === b.timeUs &&
        a.flags === b.flags &&
        (a.flags !== 0 || Object.is(a.value, b.value));
      const changed = new Set(doubtful(rows, [...without, b]));
      // What it became may be of a series that the log does not have at all.
      expect(changed).toEqual(new Set(isSame ? [] : [a.series, b.series]));
    }),
    { numRuns: 500 },
  );
});

it('doubts what may be from before, and asks for nothing that may be gone', () => {
  const at = (us: number): Row => ({ series: 1, timeUs: T0 + us, value: us, flags: 0 });
  const exact = { exactFromUs: T0 + 10 };
  expect(doubtful([at(20)], [at(5), at(20)], exact)).toEqual([]);
  expect(doubtful([at(5), at(20)], [at(5), at(20)], exact)).toEqual([1]);
  expect(doubtful([at(5), at(20)], [at(5), at(20)], { keptFromUs: T0 + 10 })).toEqual([]);
  expect(doubtful([at(5), at(20)], [at(20)], { keptFromUs: T0 + 10 })).toEqual([]);
  const unverified = { ...at(3), flags: SampleFlag.unverified };
  expect(doubtful([unverified], [])).toEqual([1]);
  expect(doubtful([at(3)], [unverified])).toEqual([1]);
});
