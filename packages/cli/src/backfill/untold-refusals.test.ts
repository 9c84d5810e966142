import { noProgress } from '@millrace/backfill';
import type { RejectReason } from '@millrace/wire';
import { expect, it } from 'vitest';
import { untoldRefusals } from './untold-refusals.ts';

const result = (futures: number, rejected: readonly [RejectReason, number][]) => {
  const counts = rejected.map(([reason, count]) => ({ reason, count, examples: [], remedy: '' }));
  const scan = {
    ...{ path: 'a.csv', digest: 'd', bytes: 1, samples: 9, skipped: 0, series: 1, windows: 1 },
    ...{ isSeriesExact: true, earliestUs: 0, latestUs: 1, nans: 0, firstFaults: [], olderThan: [] },
    ...{ faults: futures, futures },
  };
  return { scan, progress: { ...noProgress('d', ''), rejected: counts } };
};
const bad = { isSkippingBad: true };

it('expects refusals of the future up to as many as a person was told of, of each file', () => {
  const future = 'time_too_far_in_future';
  expect(untoldRefusals([result(2, [[future, 2]])], bad)).toBe(0);
  expect(untoldRefusals([result(2, [[future, 5]])], bad)).toBe(3);
  expect(untoldRefusals([result(0, [[future, 5]])], bad)).toBe(5);
  expect(untoldRefusals([result(9, []), result(0, [[future, 1]])], bad)).toBe(1);
  expect(untoldRefusals([result(2, [[future, 2]])], { isSkippingBad: false })).toBe(2);
});

it('expects no others', () => {
  const rejected: [RejectReason, number][] = [
    ['series_limit', 4],
    ['time_too_far_in_future', 1],
  ];
  expect(untoldRefusals([result(9, rejected)], bad)).toBe(4);
});
