import { DISPOSITIONS, type LedgerTotals } from '@millrace/model';
import type { StreamRecord } from '@millrace/stream';
import type { FoldedBatch } from './events.ts';
import type { PartitionFold } from './fold/partition-fold.ts';

/** Counts what a batch changed, from the fold's own totals. */
export function countBatch(fold: PartitionFold): {
  done(records: readonly StreamRecord[]): FoldedBatch;
} {
  const before = totalsOf(fold);
  const { late, appendedAgain } = fold.counts;
  return {
    done: (records) => {
      const after = totalsOf(fold);
      const dispositions = new Map<string, number>();
      for (const [name, total] of after) {
        const more = total - (before.get(name) ?? 0);
        if (more > 0) dispositions.set(name, more);
      }
      return {
        records: records.length,
        bytes: records.reduce((sum, record) => sum + record.payload.length, 0),
        dispositions,
        late: fold.counts.late - late,
        appendedAgain: fold.counts.appendedAgain - appendedAgain,
        openPieces: fold.tables?.windows.pieces.size ?? 0,
        series: fold.tables?.series.size ?? 0,
      };
    },
  };
}

const COLUMNS = {
  ...Object.fromEntries(DISPOSITIONS.map((d) => [d, d])),
  dead_letter: 'deadLetter',
};

function totalsOf(fold: PartitionFold): Map<string, number> {
  const sums = new Map<string, number>();
  for (const totals of fold.tables?.ledger.all() ?? []) {
    for (const [name, column] of Object.entries(COLUMNS)) {
      const value = Number(totals[column as keyof LedgerTotals]);
      sums.set(name, (sums.get(name) ?? 0) + value);
    }
  }
  return sums;
}
