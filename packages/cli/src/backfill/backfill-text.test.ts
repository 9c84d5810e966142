import { noProgress, type FileScan } from '@millrace/backfill';
import { expect, it } from 'vitest';
import { faultLines, formatBackfill, formatScan } from './backfill-text.ts';

const SCAN: FileScan = {
  path: 'a.csv',
  digest: 'd',
  bytes: 2048,
  samples: 3000,
  skipped: 0,
  series: 40_000,
  isSeriesExact: false,
  windows: 10,
  earliestUs: 1_795_953_600_000_000,
  latestUs: 1_795_957_200_000_000,
  nans: 2,
  faults: 3,
  futures: 1,
  firstFaults: [{ line: 7, column: 'value', what: 'the value is "x"', expected: 'a number' }],
  olderThan: [],
};

it('tells what a file holds, and what it takes', () => {
  expect(formatScan(SCAN).split('\n')).toEqual([
    'a.csv: 3,000 samples of about 40,000 series, 2.0 KiB',
    '  from 2026-11-29T12:00:00Z to 2026-11-29T13:00:00Z',
    '  about 70.3 KiB in the log, in the store 23.4 KiB and 2.1 KiB of windows',
    '  up to 117.2 MiB of memory, as each series is remembered for a day',
    '  2 of the values are NaN: --nan says what that means',
  ]);
  expect(formatScan({ ...SCAN, samples: 0 })).toContain('0 samples');
});

it('tells of faults where they are, and how many more there are', () => {
  expect(faultLines(SCAN)).toEqual([
    'a.csv:7:value: the value is "x"; expected a number',
    'a.csv: and 2 more',
  ]);
});

it('tells what came of it, as far as the ledger can', () => {
  const rejected = [
    { reason: 'series_limit', count: 2, examples: ['sample 1: x'], remedy: 'Less.' } as const,
  ];
  const progress = {
    ...noProgress('d', ''),
    samples: 3000,
    accepted: 2998,
    rejected: [...rejected],
  };
  const change = { accepted: 3008, stored: 3000, duplicate: 7, conflict: 1 };
  const rest = { dropped: 0, unverified: 0, deadLetter: 0 };
  expect(
    formatBackfill({ scan: SCAN, progress, change: { ...change, ...rest } }).split('\n'),
  ).toEqual([
    'a.csv: 3,000 samples sent: 2,998 accepted',
    '  3,000 stored, 7 were there already, 1 were there with other values, which stay ' +
      '(with 10 that others sent meanwhile, or that came twice)',
    '  left out as they are bad: 2 records',
    '  2 refused: series_limit (sample 1: x). Less.',
  ]);
});
