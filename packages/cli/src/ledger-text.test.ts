import { ledgerReport, type LedgerRow } from '@millrace/store';
import pc from 'picocolors';
import { expect, test } from 'vitest';
import { formatLedger } from './ledger-text.ts';

const plain = pc.createColors(false);
const row = (tenant: string, partition: number, more: Partial<LedgerRow>): LedgerRow => ({
  tenant,
  partition,
  accepted: 0,
  stored: 0,
  duplicate: 0,
  conflict: 0,
  dropped: 0,
  unverified: 0,
  deadLetter: 0,
  lost: 0,
  droppedBy: {},
  deadLetterBy: {},
  unaccounted: 0,
  ...more,
});
const position = {
  partition: 0,
  logId: 'ab',
  position: 7,
  partitionTimeUs: Date.UTC(2026, 0, 1) * 1000,
  watermarkUs: 0,
};

test('a ledger that adds up says so, with what was dropped and why', () => {
  const rows = [
    row('a', 0, { accepted: 12, stored: 7, dropped: 4, deadLetter: 1 }),
    row('a', 1, { accepted: 3, stored: 3 }),
  ];
  rows[0]!.droppedBy = { noise: 1, debug: 2, '': 1 };
  rows[0]!.deadLetterBy = { store_refused: 1 };
  const text = formatLedger(ledgerReport(rows, [position]), plain);
  expect(text).toMatch(/^a +0 +12 +7 +0 +0 +4 +0 +1 +0 {2}2026-01-01T00:00:00Z$/m);
  expect(text).toMatch(/^all +15 +10 +0 +0 +4 +0 +1 +0$/m);
  expect(text).toMatch('dropped by: debug 2, noise 1, (not told) 1\n');
  expect(text).toMatch('dead letters: store_refused 1\n');
  expect(text).toMatch(/It adds up: every accepted sample has one disposition\.$/);
});

test('one that does not says where, and whether the log or the program is at fault', () => {
  const lost = row('', 2, { accepted: 5, lost: 5, unaccounted: 5 });
  const text = formatLedger(ledgerReport([lost], []), plain);
  expect(text).toMatch('It does not add up: 5 samples ((unknown), partition 2: 5).');
  expect(text).toMatch('The log itself lost 5');
  expect(text).not.toMatch('a fault of ours');
  const ours = row('a', 0, { accepted: 5, stored: 4, unaccounted: 1 });
  expect(formatLedger(ledgerReport([lost, ours], []), plain)).toMatch(
    'The rest is a fault of ours',
  );
});

test('an empty one is not called sound', () => {
  expect(formatLedger(ledgerReport([], []), plain)).toMatch('Nothing was accepted yet');
});
