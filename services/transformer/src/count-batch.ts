import type { LedgerTotals } from '@millrace/model';
import type { StreamRecord } from '@millrace/stream';
import type { FoldedBatch } from './events.ts';
import type { FoldCounts } from './fold/data-fold.ts';
import type { PartitionFold } from './fold/partition-fold.ts';

/** Counts what a batch changed, from the fold's own totals. */
export function countBatch(fold: PartitionFold): {
  done(records: readonly StreamRecord[]): FoldedBatch;
} {
  const before = totalsOf(fold);
  const counted = { ...fold.counts };
  return {
    done: (records) => {
      const dispositions = new Map<string, number>();
      for (const [name, total] of totalsOf(fold)) {
        const added = total - (before.get(name) ?? 0);
        if (added > 0) dispositions.set(name, added);
      }
      return {
        records: records.length,
        bytes: records.reduce((sum, record) => sum + record.payload.length, 0),
        dispositions,
        ...more(counted, fold.counts),
        openPieces: fold.tables?.windows.pieces.size ?? 0,
        series: fold.tables?.series.size ?? 0,
      };
    },
  };
}

function more(before: Readonly<FoldCounts>, now: Readonly<FoldCounts>): FoldCounts {
  const names = Object.keys(before) as (keyof FoldCounts)[];
  return Object.fromEntries(names.map((name) => [name, now[name] - before[name]])) as never;
}

/** The ledger's column of each disposition that folding gives. */
const COLUMNS: readonly (readonly [disposition: string, column: keyof LedgerTotals])[] = [
  ['stored', 'stored'],
  ['duplicate', 'duplicate'],
  ['conflict', 'conflict'],
  ['dropped', 'dropped'],
  ['unverified', 'unverified'],
  ['dead_letter', 'deadLetter'],
];

function totalsOf(fold: PartitionFold): Map<string, number> {
  const sums = new Map<string, number>();
  for (const totals of fold.tables?.ledger.all() ?? []) {
    for (const [disposition, column] of COLUMNS) {
      sums.set(disposition, (sums.get(disposition) ?? 0) + Number(totals[column]));
    }
  }
  return sums;
}
