/** Where every accepted sample ends: the ledger's columns, one each, in the order of the records. */
export const DISPOSITIONS = [
  'stored',
  'duplicate',
  'conflict',
  'dropped',
  'unverified',
  'deadLetter',
] as const;
export type Disposition = (typeof DISPOSITIONS)[number];

/** Running totals of one (tenant, partition), counting only what is before their address. */
export interface LedgerTotals extends Record<Disposition, number> {
  tenant: string;
  accepted: number;
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
  return DISPOSITIONS.reduce((left, one) => left - totals[one], totals.accepted);
}
