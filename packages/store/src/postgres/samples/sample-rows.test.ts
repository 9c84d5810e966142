import { expect, it } from 'vitest';
import { NOON_US, samplesOf, SECOND_US, seriesOf } from '../../testing/entries.ts';
import { orderBySeries } from './sample-copy.ts';
import { isBacklog } from './sample-rows.ts';

it('knows a backlog by its many samples of each series', () => {
  const isBacklogOf = (series: number, each: number) => {
    const samples = Array.from({ length: series * each }, (_, i) => ({
      series: seriesOf('load', { cpu: String(i % series) }),
      timeUs: NOON_US + i * SECOND_US,
      value: i,
    }));
    const columns = samplesOf(samples);
    return isBacklog(columns, orderBySeries(columns, Uint32Array.from(samples.keys())));
  };
  expect(isBacklogOf(0, 0)).toBe(false);
  expect(isBacklogOf(1, 100)).toBe(true);
  expect(isBacklogOf(1, 99)).toBe(false);
  expect(isBacklogOf(50, 120)).toBe(true);
  expect(isBacklogOf(1000, 6)).toBe(false);
});
