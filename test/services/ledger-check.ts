import { setTimeout as sleep } from 'node:timers/promises';
import type { StoreClient } from './store-client.ts';

/** All partitions and tenants together. */
export interface LedgerSums {
  accepted: number;
  stored: number;
  duplicate: number;
  conflict: number;
  dropped: number;
  unverified: number;
  deadLetter: number;
  /** Rows of samples and of histograms. */
  rows: number;
}

const POLL_MS = 100;

export async function readLedger(store: StoreClient): Promise<LedgerSums> {
  return await store.row<LedgerSums>(
    `SELECT
       coalesce(sum(accepted), 0)::float8 AS accepted,
       coalesce(sum(stored), 0)::float8 AS stored,
       coalesce(sum(duplicate), 0)::float8 AS duplicate,
       coalesce(sum(conflict), 0)::float8 AS conflict,
       coalesce(sum(dropped), 0)::float8 AS dropped,
       coalesce(sum(unverified), 0)::float8 AS unverified,
       coalesce(sum(dead_letter), 0)::float8 AS "deadLetter",
       (SELECT count(*) FROM samples)::float8 + (SELECT count(*) FROM histograms) AS rows
     FROM ledger`,
  );
}

/**
 * The ledger, once it has counted at least `accepted` samples and agrees with the tables: its
 * totals follow the rows by one publish interval. After `msMax` it is returned as it is, with
 * what does not agree.
 */
export async function settledLedger(
  store: StoreClient,
  accepted: number,
  msMax: number,
): Promise<{ ledger: LedgerSums; fault: string | undefined }> {
  const deadlineMs = performance.now() + msMax;
  for (;;) {
    const ledger = await readLedger(store);
    const fault = faultOf(ledger, accepted);
    if (fault === undefined || performance.now() > deadlineMs) return { ledger, fault };
    await sleep(POLL_MS);
  }
}

function faultOf(ledger: LedgerSums, accepted: number): string | undefined {
  const { stored, duplicate, conflict, dropped, unverified, deadLetter } = ledger;
  const told = stored + duplicate + conflict + dropped + unverified + deadLetter;
  if (ledger.accepted !== told) return `${ledger.accepted} accepted, ${told} accounted for`;
  if (ledger.accepted < accepted) return `${ledger.accepted} accepted, at least ${accepted} sent`;
  if (stored !== ledger.rows) return `${stored} stored, ${ledger.rows} rows`;
  return undefined;
}
