import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { entryTexts, FOLD_VERSIONS, leaveOutLabels, runFold, type LoggedRecord } from '@millrace/transformer/testing';
import { EntryType, EventsRecordKind, type AddressedEntry, type LedgerEntry } from '@millrace/wire';
import { describe, expect, it } from 'vitest';
import { GOLDEN, goldenLog, linesOf, pathOf } from './golden-files.ts';

describe.each(GOLDEN)('the log $name', ({ name, foldVersion, record }) => {
  const log = goldenLog(name, record);

  if (!FOLD_VERSIONS.includes(foldVersion)) {
    it('is refused: its fold version is no longer there', () => {
      expect(() => runFold(log)).toThrow(expect.objectContaining({ code: 'FOLD_VERSION' }));
    });
    return;
  }

  it('is folded into what it always was', () => {
    expectGolden(`${name}.entries.txt`, listingOf(runFold(log).entries));
  });

  it('is folded into the same with a restart behind every record', () => {
    const { entries } = runFold(log, { restartAfter: () => true });
    expectGolden(`${name}.entries.txt`, listingOf(entries));
  });
});

it('the logs have lost something, and rules of theirs dropped something', () => {
  const told = GOLDEN.flatMap(({ name, record }) =>
    runFold(goldenLog(name, record))
      .entries.filter(({ type }) => type === EntryType.ledger)
      .flatMap(({ value }) => (value as LedgerEntry).totals),
  );
  expect(told.some(({ lost = 0 }) => lost > 0)).toBe(true);
  const rules = new Set(told.flatMap(({ droppedBy = [] }) => droppedBy.map(([rule]) => rule)));
  expect([...rules].sort()).toEqual(['away', 'noise', 'same']);
  expect(told.some((totals) => !('lost' in totals))).toBe(true);
});

it.each(GOLDEN.filter(({ foldVersion }) => foldVersion === 3))(
  'the log $name has late pieces that wait',
  ({ name, record }) => {
    const log = goldenLog(name, record);
    const before = log.map(({ record: one, ...rest }) => {
      const isBarrier = one.kind === EventsRecordKind.barrier;
      return { ...rest, record: isBarrier ? { ...one, foldVersion: 2 } : one };
    });
    const finalsOf = (logged: readonly LoggedRecord[]): number =>
      runFold(logged).entries.filter(({ type }) => type === EntryType.final).length;
    expect(finalsOf(log)).not.toBe(finalsOf(before));
  },
);

it('the logs hold everything there is to fold', () => {
  const types = new Set(
    GOLDEN.flatMap(({ name, record }) =>
      runFold(goldenLog(name, record)).entries.map(({ type }) => type),
    ),
  );
  const missing = Object.entries(EntryType).filter(([, type]) => !types.has(type));
  // That is what a job puts out, which is no fold of a whole log.
  expect(missing.map(([what]) => what)).toEqual(['jobEnd']);
});

/** Where the labels of few series are remembered, samples without them would be lost. */
function remembersLabels(log: readonly LoggedRecord[]): boolean {
  return log.every(({ record }) => {
    if (record.kind === EventsRecordKind.barrier) return record.settings.labelSetsMax > 1000;
    if (record.kind !== EventsRecordKind.data) return true;
    return record.definitions.rows.length === record.kinds.length;
  });
}

it.each(GOLDEN.filter((one) => remembersLabels(goldenLog(one.name, one.record))))(
  'the log $name is folded into the same when records leave labels out',
  ({ name, record }) => {
    const log = goldenLog(name, record);
    const shorter = leaveOutLabels(log);
    expect(shorter).not.toEqual(log);
    expectGolden(`${name}.entries.txt`, listingOf(runFold(shorter).entries));
  },
);

function expectGolden(name: string, text: string): void {
  const file = pathOf(name);
  if (!existsSync(file) && process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, text);
  expect(text).toBe(readFileSync(file, 'utf8'));
}

function listingOf(entries: readonly AddressedEntry[]): string {
  const digest = createHash('sha256').update(entryTexts(entries).join('\n')).digest('hex');
  return [`sha256 ${digest}`, ...linesOf(entries), ''].join('\n');
}
