import { SampleFlag } from '@millrace/model';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { NOON_US, samplesOf, seriesOf } from '../../testing/entries.ts';
import { ScaledValues } from './scaled-values.ts';

const UP = seriesOf('up');

function fitted(values: readonly (number | undefined)[]): ScaledValues {
  const { values: all, flags } = samplesOf(
    values.map((value, i) => ({
      ...{ series: UP, timeUs: NOON_US + i, value: value ?? NaN },
      stale: value === undefined,
    })),
  );
  const scaled = new ScaledValues(values.length);
  scaled.fit({ values: all, flags, flagsOfAny: SampleFlag.stale }, 0, values.length);
  return scaled;
}

it.each([
  ['counters', [1_000_000, 1_000_005, 1_000_005], 'small', 1],
  ['tenths', [21.5, 21.6, -3], 'small', 10],
  ['money', [1.05, 1999.99, 0], 'large', 100],
  ['bytes', [4_294_967_296, 0], 'floats', 1],
  ['bytes that vary less', [4_294_967_295, 0], 'large', 1],
  ['stale samples alone', [undefined, undefined], 'small', 1],
  ['stale samples between', [0.5, undefined, 0.25], 'small', 100],
])('finds the shortest form of %s', (_, values, form, divisor) => {
  expect(fitted(values)).toMatchObject({ form, divisor });
});

it.each([[-0], [NaN], [Infinity], [1 / 3], [2 ** 53], [5e-324]])('keeps %s as it is', (value) => {
  expect(fitted([1, value]).form).toBe('floats');
});

it('gives back every value bit for bit, and its elements fit', () => {
  const decimal = fc.tuple(fc.maxSafeInteger(), fc.integer({ min: 0, max: 12 }));
  const value = fc.oneof(
    fc.double(),
    fc.integer({ min: -40_000, max: 40_000 }).map((n) => n / 1000),
    decimal.map(([n, digits]) => n / 10 ** digits),
  );
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 20 }), (values) => {
      const { form, base, divisor, elements } = fitted(values);
      const bits = form === 'small' ? 15 : 31;
      const found = Array.from(elements, (element) => {
        if (form === 'floats') return element;
        expect(element >= -(2 ** bits) && element < 2 ** bits).toBe(true);
        expect(Number.isSafeInteger(base + element)).toBe(true);
        return (base + element) / divisor;
      });
      expect(found).toEqual(values);
    }),
  );
});
