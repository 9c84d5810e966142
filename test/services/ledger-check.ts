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

type Totals = Omit<LedgerSums, 'rows'>;

export async function readLedger(store: StoreClient): Promise<LedgerSums> {
  return { ...(await readTotals(store)), rows: await countRows(store) };
}

/** Without rows, which are counted one by one: of many millions that takes a while. */
export async function readTotals(store: StoreClient): Promise<Totals> {
  return await store.row<Totals>(
    `SELECT
       coalesce(sum(accepted), 0)::float8 AS accepted,
       coalesce(sum(stored), 0)::float8 AS stored,
       coalesce(sum(duplicate), 0)::float8 AS duplicate,
       coalesce(sum(conflict), 0)::float8 AS conflict,
       coalesce(sum(dropped), 0)::float8 AS dropped,
       coalesce(sum(unverified), 0)::float8 AS unverified,
       coalesce(sum(dead_letter), 0)::float8 AS "deadLetter"
     FROM ledger`,
  );
}

async function countRows(store: StoreClient): Promise<number> {
  const { rows } = await store.row<{ rows: number }>(
    `SELECT (SELECT count(*) FROM samples)::float8 + (SELECT count(*) FROM histograms) AS rows`,
  );
  return rows;
}

/**
 * The ledger, once it has counted at least `accepted` samples and agrees with the tables: its
 * totals follow the rows by one publish interval. After `msMax` it is returned as it is, with
 * what does not agree. Of what is stored so many samples have no rows: they are in windows alone.
 */
export async function settledLedger(
  store: StoreClient,
  accepted: number,
  msMax: number,
  withoutRows = 0,
): Promise<{ ledger: LedgerSums; fault: string | undefined }> {
  const deadlineMs = performance.now() + msMax;
  for (;;) {
    const isLate = performance.now() > deadlineMs;
    const totals = await readTotals(store);
    const unsettled = faultOf(totals, accepted);
    if (unsettled === undefined || isLate) {
      const ledger = { ...totals, rows: await countRows(store) };
      const { stored, rows } = ledger;
      const fault =
        unsettled ?? (stored === rows + withoutRows ? undefined : `${stored} stored, ${rows} rows`);
      if (fault === undefined || isLate) return { ledger, fault };
    }
    await sleep(POLL_MS);
  }
}

function faultOf(ledger: Totals, accepted: number): string | undefined {
  const { stored, duplicate, conflict, dropped, unverified, deadLetter } = ledger;
  const told = stored + duplicate + conflict + dropped + unverified + deadLetter;
  if (ledger.accepted !== told) return `${ledger.accepted} accepted, ${told} accounted for`;
  if (ledger.accepted < accepted) return `${ledger.accepted} accepted, at least ${accepted} sent`;
  return undefined;
}
