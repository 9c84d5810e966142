import type { BackfillProgress } from '@millrace/backfill';
import { DISPOSITIONS, type Disposition } from '@millrace/model';
import type { Clock } from '@millrace/runtime';
import type { LedgerReport } from '@millrace/store';
import type { ReceiverTarget } from './http-target.ts';

const COUNTS: readonly ('accepted' | Disposition)[] = ['accepted', ...DISPOSITIONS];

export type LedgerChange = Record<'accepted' | Disposition, number>;

/** It is published a second after what it counts. */
const LOOK_MS = 250;
const LOOKS_MAX = 40;

/** The counts as numbers to be noted. */
export function countsOf({ totals }: LedgerReport): LedgerChange {
  const counts = {} as LedgerChange;
  for (const name of COUNTS) counts[name] = totals[name];
  return counts;
}

/**
 * What the ledger counts for the tenant since the file was begun, whoever sent it; undefined:
 * nobody tells, or it has not counted all of it in time.
 */
export async function ledgerChange(
  target: ReceiverTarget,
  { before, accepted }: BackfillProgress,
  { clock, signal }: Readonly<{ clock: Clock; signal: AbortSignal }>,
): Promise<LedgerChange | undefined> {
  if (before === null) return undefined;
  for (let look = 0; look < LOOKS_MAX; look += 1) {
    const report = await target.ledger();
    if (report === undefined) return undefined;
    const now = countsOf(report);
    const change = {} as LedgerChange;
    for (const name of COUNTS) change[name] = now[name] - (before[name] ?? 0);
    if (change.accepted >= accepted) return change;
    await clock.sleep(LOOK_MS, signal);
  }
  return undefined;
}
