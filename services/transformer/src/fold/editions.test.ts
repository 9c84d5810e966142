import type { LedgerTotals } from '@millrace/model';
import {
  EntryType,
  type EditionEndEntry,
  type EditionEntry,
  type LedgerEntry,
} from '@millrace/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { changingLogs } from '../testing/changing-log.ts';
import { oracleRun, type OracleRun } from '../testing/editions-oracle.ts';
import { expectWindow, mergeWindows } from '../testing/expect-windows.ts';
import { foldedPieces, runFold, type FoldRun } from '../testing/fold-run.ts';

describe('the editions of a log whose rules change', () => {
  it('hold what a naive computation gives them, each on its own', () => {
    let retiredTook = 0;
    fc.assert(
      fc.property(changingLogs, (log) => {
        const run = runFold(log);
        const expected = oracleRun(log);
        const merged = mergeWindows(foldedPieces(run));
        expect([...merged.keys()].sort()).toEqual([...expected.windows.keys()].sort());
        for (const [key, window] of expected.windows) {
          const pieces = merged.get(key)!;
          expectWindow(pieces, window);
          expect(pieces.filter(({ marked }) => marked)).toEqual([]);
        }
        retiredTook += expected.retiredTook;
        expectEditions(run, expected);
      }),
      { numRuns: 200 },
    );
    // The workload reaches what it is about.
    expect(retiredTook).toBeGreaterThan(100);
  });

  it('leave raw samples and the ledger to the rules in force', () => {
    fc.assert(
      fc.property(changingLogs, (log) => {
        const { entries } = runFold(log);
        const expected = oracleRun(log);
        const raw = entries
          .filter(({ type }) => type === EntryType.sample)
          .map(({ value }) => value as [id: Uint8Array, timeUs: number]);
        expect(raw.map(([id, timeUs]) => [Buffer.from(id).toString('hex'), timeUs])).toEqual(
          expected.raw.map(([series, timeUs]) => [series.slice(0, 16), timeUs]),
        );
        for (const { type, value } of entries) {
          if (type !== EntryType.ledger) continue;
          const { position, totals } = value as LedgerEntry;
          const [of] = totals as (LedgerTotals | undefined)[];
          if (of !== undefined) expect(of).toMatchObject(expected.totals[position]!);
        }
      }),
      { numRuns: 100 },
    );
  });
});

function expectEditions({ entries }: FoldRun, { begun, ended }: OracleRun): void {
  const rows = entries.flatMap(({ type, value }) => {
    if (type === EntryType.edition) {
      const { edition, fromPosition, fromPartitionTimeUs } = value as EditionEntry;
      const { fromLargestTimeUs, partitions } = value as EditionEntry;
      return [[edition, fromPosition, fromPartitionTimeUs, fromLargestTimeUs, partitions]];
    }
    if (type !== EntryType.editionEnd) return [];
    const { edition, position, untilUs } = value as EditionEndEntry;
    return [[edition, position, untilUs]];
  });
  expect(rows.filter((row) => row.length === 5)).toEqual(begun);
  expect(rows.filter((row) => row.length === 3)).toEqual(ended);
}
