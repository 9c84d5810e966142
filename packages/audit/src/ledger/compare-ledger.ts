import { DISPOSITIONS, type Disposition } from '@millrace/model';
import type { StoredTotals } from '@millrace/store';
import type { Findings } from '../findings.ts';
import { Tally } from '../log/tally.ts';
import type { LedgerReport } from '../report.ts';

export interface LedgerInput {
  partition: number;
  /** Records below it are counted. */
  position: number;
  /** What the log says of them, by tenant. */
  tallies: ReadonlyMap<string, Tally>;
  /** Samples that receivers knew to be durable by then, and that the log does not hold. */
  lostSamples: number;
  /** What the store has of the partition's log. */
  totals: readonly StoredTotals[];
}

/** The ledger of one partition against its log: accepted to the sample, columns within bounds. */
export function compareLedger(input: LedgerInput, findings: Findings): void {
  const { tallies, totals } = input;
  const known = new Map(totals.map((one) => [one.tenant, one]));
  for (const tenant of new Set([...tallies.keys(), ...known.keys()])) {
    const counted = tallies.get(tenant) ?? new Tally();
    const stored = known.get(tenant);
    if (stored === undefined) {
      if (counted.accepted > 0) tell(input, findings, tenant, 'accepted', counted.accepted, 0);
      continue;
    }
    // What the log has lost is accepted and has no disposition.
    if (stored.accepted - stored.lost !== counted.accepted) {
      tell(input, findings, tenant, 'accepted', counted.accepted + stored.lost, stored.accepted);
    }
    for (const column of DISPOSITIONS) compareColumn(input, findings, { counted, stored, column });
    compareSum(input, findings, stored);
  }
  const lost = totals.reduce((sum, one) => sum + one.lost, 0);
  // Fold version 1 does not count them.
  if (lost > input.lostSamples) {
    tell(
      input,
      findings,
      totals.find((one) => one.lost > 0)!.tenant,
      'lost',
      input.lostSamples,
      lost,
    );
  }
}

function compareColumn(
  input: LedgerInput,
  findings: Findings,
  params: Readonly<{ counted: Tally; stored: StoredTotals; column: Disposition }>,
): void {
  const { counted, stored, column } = params;
  const { least, most } = counted.bounds(column);
  const found = stored[column];
  if (found >= least && found <= most) return;
  const expected = least === most ? least : `${least} to ${most}`;
  tell(input, findings, stored.tenant, column, expected, found);
}

function compareSum(
  { partition, position }: LedgerInput,
  findings: Findings,
  stored: StoredTotals,
): void {
  const { tenant, accepted } = stored;
  const sum = DISPOSITIONS.reduce((total, column) => total + stored[column], stored.lost);
  if (sum === accepted) return;
  const columns = DISPOSITIONS.map((column) => `${stored[column]} ${nameOf(column)}`).join(' + ');
  findings.add('ledger_sum', {
    ...{ partition, offset: position, tenant },
    ...{ expected: String(accepted), found: String(sum) },
    message:
      `The ledger of tenant ${tenant} in partition ${partition} does not add up: ` +
      `${accepted} accepted is not ${columns} = ${sum}.`,
  });
}

function tell(
  { partition, position }: LedgerInput,
  findings: Findings,
  tenant: string,
  column: Disposition | 'accepted' | 'lost',
  expected: number | string,
  found: number,
): void {
  findings.add('ledger_count', {
    ...{ partition, offset: position, tenant },
    ...{ expected: String(expected), found: String(found) },
    message:
      `The ledger of tenant ${tenant} in partition ${partition} counts ${found} ` +
      `${nameOf(column)}; the log up to position ${position} has ${expected}.`,
  });
}

function nameOf(column: Disposition | 'accepted' | 'lost'): string {
  return column === 'deadLetter' ? 'dead letter' : column;
}

/** What people see in the view `ledger`: with what the store moved, never below nothing. */
export function shownLedger(totals: StoredTotals): LedgerReport {
  const { tenant, partition, accepted, conflict, lost } = totals;
  const toStored = Math.min(totals.unverifiedToStored, totals.unverified);
  const toDuplicate = Math.min(totals.unverifiedToDuplicate, totals.unverified - toStored);
  const left = totals.unverified - toStored - toDuplicate;
  const toDead = Math.min(totals.unverifiedToDeadLetter, left);
  const refused = Math.min(totals.storedToDeadLetter, totals.stored + toStored);
  const dead = totals.deadLetter + toDead + refused;
  const deadToDuplicate = Math.min(totals.deadLetterToDuplicate, dead);
  const deadToDropped = Math.min(totals.deadLetterToDropped, dead - deadToDuplicate);
  return {
    ...{ tenant, partition, accepted, conflict, lost },
    stored: totals.stored - refused + toStored,
    duplicate: totals.duplicate + toDuplicate + deadToDuplicate,
    dropped: totals.dropped + deadToDropped,
    unverified: left - toDead,
    deadLetter: dead - deadToDuplicate - deadToDropped,
  };
}
