import { expect, it } from 'vitest';
import { NOON_US, samplesOf, SECOND_US, seriesOf } from '../testing/entries.ts';
import { isDense, planSamples } from './sample-rows.ts';

it('knows batches with many samples of each series from those with few', () => {
  const batch = (series: number, each: number) => {
    const samples = Array.from({ length: series * each }, (_, i) => ({
      series: seriesOf('load', { cpu: String(i % series) }),
      timeUs: NOON_US + i * SECOND_US,
      value: i,
    }));
    return planSamples([samplesOf(samples)]);
  };
  expect(isDense(batch(0, 0))).toBe(false);
  expect(isDense(batch(1, 100))).toBe(true);
  expect(isDense(batch(1, 99))).toBe(false);
  expect(isDense(batch(50, 120))).toBe(true);
  expect(isDense(batch(1000, 6))).toBe(false);
});
