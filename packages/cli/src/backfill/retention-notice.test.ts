import type { FileScan } from '@millrace/backfill';
import { expect, it } from 'vitest';
import { checkKept, keptTimes, retentionLines } from './retention-notice.ts';

const DAY_US = 86_400_000_000;
const NOW_US = 1_795_953_600_000_000;

function scanOf(olderThan: number[]): FileScan {
  return { path: 'a.csv', samples: 5000, olderThan } as unknown as FileScan;
}

it('tells how much would be deleted at once, by what is kept how long', async () => {
  const times = await keptTimes({ MILLRACE_STORE__RETENTION__RAW_MS: '1d' }, NOW_US);
  expect(times.countBeforeUs).toEqual([1, 30, 730].map((days) => NOW_US - days * DAY_US));
  expect(retentionLines(scanOf([0, 0, 0]), times)).toEqual([]);
  expect(retentionLines(scanOf([5000, 1200, 0]), times)).toEqual([
    'a.csv: what is past its retention is deleted soon after it is stored, unless a rule or ' +
      'its tenant says otherwise ("millrace retention"):',
    '  all are older than raw samples are kept (1d, MILLRACE_STORE__RETENTION__RAW_MS)',
    '  1,200 are older than windows narrower than an hour are kept ' +
      '(30d, MILLRACE_STORE__RETENTION__NARROW_WINDOWS_MS)',
  ]);
  const unknown = await keptTimes({ KAFKA_BROKERS: 'localhost:1' }, NOW_US);
  expect(unknown.kept.map(({ ms }) => ms / 86_400_000)).toEqual([7, 30, 730]);
  checkKept([scanOf([5000, 5000, 4999])], times);
  checkKept([scanOf([5000, 5000, 5000]), scanOf([0, 0, 0])], times);
  expect(() => checkKept([scanOf([5000, 5000, 5000])], times)).toThrow(
    expect.objectContaining({ code: 'BACKFILL_EXPIRED' }) as Error,
  );
});
