import { DISPOSITIONS } from '@millrace/model';
import type { StoredTotals } from '@millrace/store';
import type { Findings } from '../findings.ts';
import type { PartitionPlan } from '../plan.ts';
import type { DeepPartition } from './deep-parts.ts';

const MOVES = {
  unverifiedToStored: 'unverified samples that turned out stored',
  unverifiedToDuplicate: 'unverified samples that turned out duplicates',
} as const;

/** The ledger of one partition against the one that a fold puts out: every column. */
export function compareTotals(
  { partition, position, totals }: PartitionPlan,
  /** Of each round; all have folded the same records. */
  rounds: readonly DeepPartition[],
  findings: Findings,
  params: Readonly<{
    /** The fold began at the beginning of the log. */
    isWhole: boolean;
    /** Letters that were sent again and are not there any more. */
    forgotten: number;
  }>,
): void {
  const { isWhole, forgotten } = params;
  const [first] = rounds;
  const expected = first!.totals;
  const tell = (tenant: string, name: string, wanted: number, found: number): void => {
    if (wanted === found) return;
    findings.add('ledger_count', {
      ...{ partition, offset: position, tenant, expected: String(wanted), found: String(found) },
      message:
        `The ledger of tenant ${tenant} in partition ${partition} counts ${found} ${name}; a ` +
        `fold of the log up to position ${position} counts ${wanted}.`,
    });
  };
  const known = new Map(totals.map((one) => [one.tenant, one]));
  // Of others nothing was put out from where the fold began, or not yet what they have there.
  const tenants = isWhole ? [...expected.keys(), ...known.keys()] : expected.keys();
  for (const tenant of new Set(tenants)) {
    const wanted = expected.get(tenant);
    const found = known.get(tenant);
    for (const column of ['accepted', ...DISPOSITIONS, 'lost'] as const) {
      tell(tenant, column, wanted?.[column] ?? 0, found?.[column] ?? 0);
    }
  }
  if (isWhole) compareMoves({ partition, totals, forgotten }, rounds, findings);
  const wanted = first!.newest?.position;
  if (wanted !== position) {
    findings.add('ledger_count', {
      ...{ partition, expected: String(wanted), found: String(position) },
      message:
        `Partition ${partition} says that its ledger is of position ${position}; a fold of the ` +
        `log says ${wanted}.`,
    });
  }
}

/** Rows that the store refused left these columns again. */
function compareMoves(
  params: Readonly<{ partition: number; totals: readonly StoredTotals[]; forgotten: number }>,
  rounds: readonly DeepPartition[],
  findings: Findings,
): void {
  const { partition, totals, forgotten } = params;
  const sum = (of: (one: StoredTotals) => number): number =>
    totals.reduce((total, one) => total + of(one), 0);
  const refused = sum((one) => one.unverifiedToDeadLetter) + forgotten;
  for (const [column, key] of [
    ['unverifiedToStored', 'toStored'],
    ['unverifiedToDuplicate', 'toDuplicate'],
  ] as const) {
    const wanted = rounds.reduce((total, { moves }) => total + moves[key], 0);
    const found = sum((one) => one[column]);
    if (found <= wanted + forgotten && found >= wanted - refused) continue;
    findings.add('ledger_count', {
      ...{ partition, expected: String(wanted), found: String(found) },
      message: `Partition ${partition} counts ${found} ${MOVES[column]}; a fold has ${wanted}.`,
    });
  }
}
