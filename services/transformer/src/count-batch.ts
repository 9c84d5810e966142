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
      const now = totalsOf(fold);
      return {
        records: records.length,
        bytes: records.reduce((sum, record) => sum + record.payload.length, 0),
        dispositions: added(before.dispositions, now.dispositions),
        droppedBy: added(before.droppedBy, now.droppedBy),
        ...more(counted, fold.counts),
        lost: now.lost,
        openPieces: fold.tables?.windows.pieces.size ?? 0,
        series: fold.tables?.series.size ?? 0,
      };
    },
  };
}

/** Samples of all tenants that the partition's log has lost so far. */
export function lostSamples(fold: PartitionFold): number {
  return totalsOf(fold).lost;
}

function more(before: Readonly<FoldCounts>, now: Readonly<FoldCounts>): FoldCounts {
  const names = Object.keys(before) as (keyof FoldCounts)[];
  return Object.fromEntries(names.map((name) => [name, now[name] - before[name]])) as never;
}

type Sums = Map<string, number>;

function added(before: ReadonlyMap<string, number>, now: ReadonlyMap<string, number>): Sums {
  const sums: Sums = new Map();
  for (const [name, total] of now) {
    const samples = total - (before.get(name) ?? 0);
    if (samples > 0) sums.set(name, samples);
  }
  return sums;
}

/** The ledger's column of each disposition that folding gives. */
const COLUMNS = [
  ['stored', 'stored'],
  ['duplicate', 'duplicate'],
  ['conflict', 'conflict'],
  ['dropped', 'dropped'],
  ['unverified', 'unverified'],
  ['dead_letter', 'deadLetter'],
] as const satisfies readonly (readonly [disposition: string, column: keyof LedgerTotals])[];

function totalsOf(fold: PartitionFold): { dispositions: Sums; droppedBy: Sums; lost: number } {
  const dispositions: Sums = new Map();
  const droppedBy: Sums = new Map();
  let lost = 0;
  const add = (sums: Sums, name: string, samples: number): void => {
    sums.set(name, (sums.get(name) ?? 0) + samples);
  };
  for (const totals of fold.tables?.ledger.all() ?? []) {
    for (const [disposition, column] of COLUMNS) add(dispositions, disposition, totals[column]);
    for (const [rule, samples] of totals.droppedBy ?? []) add(droppedBy, rule, samples);
    lost += totals.lost ?? 0;
  }
  return { dispositions, droppedBy, lost };
}
