/** The counts of one tenant in one partition, or of all together. */
export interface LedgerCounts {
  accepted: number;
  stored: number;
  duplicate: number;
  conflict: number;
  dropped: number;
  unverified: number;
  deadLetter: number;
  /** Acknowledged, and not in the log: accepted without a disposition. */
  lost: number;
  /** By rule, or a person's hand; '' where fold version 1 did not tell. In sum `dropped`. */
  droppedBy: Record<string, number>;
  /** In sum `deadLetter`. */
  deadLetterBy: Record<string, number>;
  /** Accepted samples that have no disposition, whatever the reason; 0 when it adds up. */
  unaccounted: number;
}

export interface LedgerRow extends LedgerCounts {
  /** Empty: nobody can say whose these samples were. */
  tenant: string;
  partition: number;
}

/** How far a partition's ledger is published. */
export interface LedgerPosition {
  partition: number;
  logId: string;
  /** All records of its events below it are counted. */
  position: number;
  partitionTimeUs: number;
  watermarkUs: number;
}

/** What `GET /api/v1/ledger` answers: the whole ledger at one moment. */
export interface LedgerReport {
  /** Every accepted sample has one disposition. */
  addsUp: boolean;
  totals: LedgerCounts;
  /** By tenant, then partition. */
  rows: LedgerRow[];
  positions: LedgerPosition[];
}

/** Of one tenant; its totals are those of its rows. */
export function ofTenant(report: LedgerReport, tenant: string): LedgerReport {
  return ledgerReport(
    report.rows.filter((row) => row.tenant === tenant),
    report.positions,
  );
}

export function ledgerReport(rows: LedgerRow[], positions: LedgerPosition[]): LedgerReport {
  const totals = rows.reduce(added, NOTHING);
  return { addsUp: rows.every(({ unaccounted }) => unaccounted === 0), totals, rows, positions };
}

const NOTHING: LedgerCounts = {
  accepted: 0,
  stored: 0,
  duplicate: 0,
  conflict: 0,
  dropped: 0,
  unverified: 0,
  deadLetter: 0,
  lost: 0,
  droppedBy: {},
  deadLetterBy: {},
  unaccounted: 0,
};

function added(sum: LedgerCounts, row: LedgerCounts): LedgerCounts {
  return {
    accepted: sum.accepted + row.accepted,
    stored: sum.stored + row.stored,
    duplicate: sum.duplicate + row.duplicate,
    conflict: sum.conflict + row.conflict,
    dropped: sum.dropped + row.dropped,
    unverified: sum.unverified + row.unverified,
    deadLetter: sum.deadLetter + row.deadLetter,
    lost: sum.lost + row.lost,
    droppedBy: addedBy(sum.droppedBy, row.droppedBy),
    deadLetterBy: addedBy(sum.deadLetterBy, row.deadLetterBy),
    unaccounted: sum.unaccounted + row.unaccounted,
  };
}

function addedBy(
  a: Readonly<Record<string, number>>,
  b: Readonly<Record<string, number>>,
): Record<string, number> {
  const sums = new Map(Object.entries(a));
  for (const [reason, samples] of Object.entries(b)) {
    sums.set(reason, (sums.get(reason) ?? 0) + samples);
  }
  return Object.fromEntries(sums);
}
