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
}
