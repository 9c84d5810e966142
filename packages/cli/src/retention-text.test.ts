import type { ReportedRows, RetentionReport } from '@millrace/store';
import pc from 'picocolors';
import { expect, test } from 'vitest';
import { formatRetention } from './retention-text.ts';

const DAY_MS = 86_400_000;
const DAY_US = DAY_MS * 1000;
const NOW_US = Date.UTC(2026, 2, 1, 12) * 1000;
const MIDNIGHT_US = Date.UTC(2026, 2, 1) * 1000;

const raw: ReportedRows = {
  ...{ table: 'samples', edition: undefined, rule: undefined, widthUs: undefined },
  ...{ whose: undefined, keepMs: 7 * DAY_MS, isServed: true },
  ...{ cutUs: MIDNIGHT_US - 12 * DAY_US, dueUs: MIDNIGHT_US - 7 * DAY_US },
  ...{ heldByUs: 300_000_000, replacedByUs: 300_000_000, waitsFor: 'partitions' },
};
const ends: ReportedRows = {
  ...raw,
  ...{ table: 'windows_wide', edition: 8, rule: 'r', widthUs: 3_600_000_000, isServed: false },
  ...{ whose: 'acme', keepMs: 730 * DAY_MS, cutUs: -Infinity, dueUs: -Infinity },
  ...{ heldByUs: undefined, replacedByUs: undefined, waitsFor: undefined },
};
const report: RetentionReport = {
  ...{ nowUs: NOW_US, smallestWatermarkUs: NOW_US - 12 * DAY_US, notedAtUs: NOW_US },
  soFar: { partsDropped: 3, rowsDropped: 1200, rowsDeleted: 44 },
  rows: [raw, ends],
  deadLettersKeptMs: 30 * DAY_MS,
  tables: [
    {
      ...{ table: 'samples', ranges: 9, bytes: 2048, oldestUs: MIDNIGHT_US, sweeps: 1 },
      drops: { ranges: 2, bytes: 1024, inUse: ['samples_packed_20260217'] },
    },
  ],
};

test('what is kept how long, what goes next and what waits is told in lines', () => {
  const text = formatRetention(report, pc.createColors(false));
  expect(text.replace(/ +/g, ' ').replace(/ $/gm, '').split('\n')).toEqual([
    'As the upkeep of 2026-03-01T12:00:00Z had it; rows are as old as the newest watermark says, ' +
      '2026-03-01T12:00:00Z.',
    '',
    'table rule width tenant kept deleted before shown before that',
    'samples raw all others 7d 2026-02-17T00:00:00Z windows of 5m (waits)',
    'windows_wide r (edition 8) 1h acme 2y never nothing: data ends there',
    'Histograms, exemplars and what is kept beside as unverified are kept like raw samples, dead ' +
      'letters 30d.',
    '',
    'table oldest row parts bytes dropped next bytes looked through',
    'samples 2026-03-01T00:00:00Z 9 2.0 KiB 2 1.0 KiB 1',
    '',
    'deleted so far: 3 parts of tables with about 1200 rows, and 44 rows out of others',
    '',
    'waits raw samples from 2026-02-17T00:00:00Z to 2026-02-22T00:00:00Z: the windows of 5m that ' +
      'replace them are not final: a partition has come to 2026-02-17T12:00:00Z only',
    'waits a part of samples that somebody reads: samples_packed_20260217',
  ]);
});

test('editions of one rule are told apart', () => {
  const served = { ...ends, isServed: true };
  const rows = [raw, served, { ...served, edition: 9 }, { ...served, rule: 'once', edition: 10 }];
  const text = formatRetention({ ...report, rows, tables: [] }, pc.createColors(false));
  const rules = text.match(/^windows_wide +(.*?) +1h/gm);
  expect(rules?.map((line) => line.replace(/ +/g, ' '))).toEqual([
    'windows_wide r (edition 8) 1h',
    'windows_wide r (edition 9) 1h',
    'windows_wide once 1h',
  ]);
  expect(text).toContain('No table has a part yet');
});
