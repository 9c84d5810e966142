import { SampleFlag, unaccounted, type LedgerTotals } from '@millrace/model';
import { EntryType, type LedgerEntry, type UnverifiedEntry } from '@millrace/wire';
import { describe, expect, it } from 'vitest';
import { entryTexts, runFold } from '../testing/fold-run.ts';
import { TIGHT_SETTINGS, variedLog, type VariedLogParams } from '../testing/varied-log.ts';

const SEEDS = [1, 2, 3, 4, 5, 6];

describe.each<[what: string, Omit<VariedLogParams, 'records'>]>([
  ['usual bounds', {}],
  ['bounds that are reached all the time', { settings: TIGHT_SETTINGS }],
  ['rules and settings that change', { changes: 0.2 }],
  ['the fold version of before, and then the newest', { changes: 0.1, upgradedFrom: 2 }],
  [
    'losses, redriven letters, rules that change, and bounds reached all the time',
    { settings: TIGHT_SETTINGS, changes: 0.1, losses: 0.05, redriven: 0.1 },
  ],
])('the fold of a log with everything in it, under %s', (_what, params) => {
  const { settings, changes } = params;
  const shape = { records: changes === undefined ? 90 : 150, ...params };

  it('puts out the same entries however it is cut and restarted', () => {
    for (const seed of SEEDS) {
      const log = variedLog(seed, shape);
      const whole = entryTexts(runFold(log).entries);
      const often = runFold(log, {
        restartAfter: (offset) => offset % 2 === seed % 2,
        recordBytesMax: 500,
      });
      const some = runFold(log, {
        restartAfter: (offset) => (offset * 7 + seed) % 11 === 0,
        cutAfter: (offset) => (offset + seed) % 5 === 0,
      });
      expect(entryTexts(often.entries)).toEqual(whole);
      expect(entryTexts(some.entries)).toEqual(whole);
    }
  });

  it('gives every accepted sample one disposition, at every ledger entry', () => {
    const sums: Record<(typeof COLUMNS)[number], number> = {
      accepted: 0,
      stored: 0,
      duplicate: 0,
      conflict: 0,
      dropped: 0,
      unverified: 0,
      deadLetter: 0,
    };
    for (const seed of SEEDS) {
      const { entries, fold } = runFold(variedLog(seed, shape));
      for (const { type, value } of entries) {
        if (type !== EntryType.ledger) continue;
        for (const totals of (value as LedgerEntry).totals) expectBalanced(totals);
      }
      for (const totals of fold.tables!.ledger.all()) {
        expectBalanced(totals);
        for (const name of COLUMNS) sums[name] += totals[name];
      }
      const unverified = [...fold.tables!.ledger.all()].reduce((sum, t) => sum + t.unverified, 0);
      expect(countUnverified(entries)).toBe(unverified);
    }
    // The workload reaches all that folding can decide.
    const missing = Object.entries(sums).flatMap(([name, sum]) => (sum === 0 ? [name] : []));
    const isTight = settings !== undefined || changes !== undefined;
    expect(missing).toEqual(isTight ? ['deadLetter'] : ['unverified', 'deadLetter']);
  });
});

const COLUMNS = [
  ...(['accepted', 'stored', 'duplicate', 'conflict'] as const),
  ...(['dropped', 'unverified', 'deadLetter'] as const),
];

function expectBalanced(totals: Readonly<LedgerTotals>): void {
  const { dropped, droppedBy = [], lost = 0 } = totals;
  expect(unaccounted(totals)).toBe(lost);
  expect(droppedBy.reduce((sum, [, samples]) => sum + samples, 0)).toBe(dropped);
}

/** Unverified samples put out: raw ones, histograms and those beside. */
function countUnverified(entries: ReturnType<typeof runFold>['entries']): number {
  return entries.filter(({ type, value }) => {
    if (type === EntryType.sample) return ((value as number[])[3]! & SampleFlag.unverified) !== 0;
    if (type !== EntryType.histogram && type !== EntryType.unverified) return false;
    return ((value as UnverifiedEntry).flags & SampleFlag.unverified) !== 0;
  }).length;
}
