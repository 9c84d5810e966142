/** Where every accepted sample ends: the ledger's columns, one each. */
export const DISPOSITIONS = [
  'stored',
  'duplicate',
  'conflict',
  'dropped',
  'unverified',
  'dead_letter',
] as const;
export type Disposition = (typeof DISPOSITIONS)[number];

/** Running totals of one (tenant, partition), counting only what is before their address. */
export interface LedgerTotals {
  tenant: string;
  accepted: number;
  stored: number;
  duplicate: number;
  conflict: number;
  dropped: number;
  unverified: number;
  deadLetter: number;
  /**
   * Acknowledged by a receiver, and not in the log any more: `accepted` counts them, and no
   * disposition does. Fold version 1 does not tell.
   */
  lost?: number;
  /** What `dropped` is made of, by rule, sorted; fold version 1 does not tell. */
  droppedBy?: SamplesByReason[];
}

export type SamplesByReason = [reason: string, samples: number];

/** Samples for which the ledger has no disposition: 0, or some were lost. */
export function unaccounted(totals: Readonly<LedgerTotals>): number {
  const { accepted, stored, duplicate, conflict, dropped, unverified, deadLetter } = totals;
  return accepted - stored - duplicate - conflict - dropped - unverified - deadLetter;
}
