import type { AuditReport } from '@millrace/audit';
import pc from 'picocolors';
import { expect, test } from 'vitest';
import { showProgress } from './audit-progress.ts';
import { formatAudit } from './audit-text.ts';

const plain = pc.createColors(false);

const PROVEN: AuditReport = {
  ...{ format: 1, outcome: 'proven', mode: 'plain', started: '2026-01-01T00:00:00.000000Z' },
  ...{ durationMs: 2000, samplesPerSecond: 50, since: undefined, until: undefined },
  tenant: undefined,
  partitions: [
    {
      ...{ partition: 0, logId: 'ab', from: 3, to: 12, position: 11, records: 9, samples: 100 },
      ...{ checkpoint: '2026-01-01T00:00:00.123456Z', appendedAgain: 0 },
    },
  ],
  ledger: [
    {
      ...{ tenant: 'default', partition: 0, accepted: 100, stored: 99, duplicate: 1, conflict: 0 },
      ...{ dropped: 0, unverified: 0, deadLetter: 0, lost: 0 },
    },
  ],
  rows: { samples: 99, histograms: 0 },
  notProven: ['Partition 0: rows before then.'],
  notes: [],
  findings: [],
};

test('says what was proven: ranges, counts, how fast, and what was not', () => {
  const lines = formatAudit(PROVEN, plain).split('\n');
  // Single blanks: columns are as wide as they need to be.
  expect(lines.map((line) => line.trim().replaceAll(/ +/g, ' '))).toEqual([
    'proven: everything accepted is accounted for',
    '100 samples of the log, rows of the store: 99 samples; 2.0 s, 50 samples/s',
    '',
    'partition records from to ledger at samples log',
    '0 (checkpoint of 2026-01-01T00:00:00Z) 3 12 11 100 ab',
    '',
    'tenant partition accepted stored duplicate conflict dropped unverified dead letter lost',
    'default 0 100 99 1 0 0 0 0 0',
    '',
    'Not proven:',
    'Partition 0: rows before then.',
  ]);
});

test('tells when samples are of, or came when everything is folded again', () => {
  const since = '2026-01-01T00:00:00.000000Z';
  expect(formatAudit({ ...PROVEN, since }, plain)).toContain(`looked at: from ${since}\n`);
  expect(formatAudit({ ...PROVEN, since, mode: 'deep' }, plain)).toContain(
    `looked at: what came after the newest checkpoint of before ${since}, in each partition as`,
  );
});

test('names the first of each kind, and how many there are', () => {
  const place = { partition: 2, offset: 7, tenant: 'a', series: 'm{}', seriesId: '-5' };
  const text = formatAudit(
    {
      ...PROVEN,
      outcome: 'broken',
      findings: [
        {
          ...{ kind: 'row_missing', count: 3, message: 'm{} is not stored.', ...place },
          ...{ time: undefined, expected: undefined, found: undefined },
        },
      ],
    },
    plain,
  );
  expect(text).toContain('broken: log and store do not agree');
  expect(text).toContain('row_missing (the first of 3): m{} is not stored.');
  expect(text).toContain('  partition 2, offset 7, tenant a, series_id -5');
});

test('progress is a bar where a person looks, and a line now and then elsewhere', () => {
  let now = 0;
  const notices: string[] = [];
  const rewritten: string[] = [];
  const progress = { phase: 'log', round: 0, rounds: 2, done: 1, total: 4 } as const;
  const output = {
    ...{ result: () => undefined, notice: (line: string) => void notices.push(line) },
    ...{ colours: plain, noticeColours: plain, columns: undefined, rewrite: undefined },
  };
  const lines = showProgress(output, () => now);
  lines.step(progress);
  now = 5000;
  lines.step(progress);
  lines.end();
  expect(notices).toEqual(['reading the log (1 of 2): 25 %']);
  const bar = showProgress({ ...output, rewrite: (line) => void rewritten.push(line) }, () => now);
  now += 100;
  bar.step({ ...progress, phase: 'store', rounds: 1, total: 0 });
  bar.end();
  expect(rewritten).toEqual([`[${'#'.repeat(24)}] comparing the store: 100 %`, '']);
});
