import { expect, it } from 'vitest';
import { NOON_US, samplesOf, SECOND_US, seriesOf } from '../testing/entries.ts';
import { orderBySeries } from './sample-copy.ts';
import { isDense } from './sample-rows.ts';

it('knows batches with many samples of each series from those with few', () => {
  const isDenseWith = (series: number, each: number) => {
    const samples = Array.from({ length: series * each }, (_, i) => ({
      series: seriesOf('load', { cpu: String(i % series) }),
      timeUs: NOON_US + i * SECOND_US,
      value: i,
    }));
    const columns = samplesOf(samples);
    return isDense(columns, orderBySeries(columns, Uint32Array.from(samples.keys())));
  };
  expect(isDenseWith(0, 0)).toBe(false);
  expect(isDenseWith(1, 100)).toBe(true);
  expect(isDenseWith(1, 99)).toBe(false);
  expect(isDenseWith(50, 120)).toBe(true);
  expect(isDenseWith(1000, 6)).toBe(false);
});
