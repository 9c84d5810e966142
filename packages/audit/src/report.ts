import type { LedgerTotals, TimeUs } from '@millrace/model';

/** What can be wrong. Stable: reports are compared and searched by these. */
export const FINDING_KINDS = [
  /** A sample of the log has no row. */
  'row_missing',
  /** It has more rows than it may have. */
  'row_twice',
  /** Its row has another value. */
  'row_differs',
  /** A row that no sample of the log explains. */
  'row_unexpected',
  /** A sample that is kept beside, and that no sample of the log explains. */
  'unverified_unexpected',
  /** A count of the ledger is not what the log says. */
  'ledger_count',
  /** The counts of the ledger do not add up. */
  'ledger_sum',
  /** A receiver knew samples to be durable that the log does not hold. */
  'records_lost',
  /** The log ends before what the store has applied. */
  'log_short',
  /** The store has rows of a log that is not there. */
  'other_log',
  /** What the transformer put out has a hole below the mark. */
  'series_gap',
  /** A position is beyond its mark. */
  'position_ahead',
  /** What a fold of the log puts out is not in the store (with --deep). */
  'entry_missing',
  'entry_differs',
  'entry_unexpected',
] as const;
export type FindingKind = (typeof FINDING_KINDS)[number];

/** The first thing of its kind that is wrong, and how many more there are. */
export interface Finding {
  kind: FindingKind;
  /** How many there are of this kind. */
  count: number;
  /** One sentence: what is wrong, where. */
  message: string;
  partition: number | undefined;
  /** Of the record in `metrics.events` that brought it. */
  offset: number | undefined;
  tenant: string | undefined;
  /** As Prometheus prints it. */
  series: string | undefined;
  seriesId: string | undefined;
  /** RFC 3339 to the microsecond. */
  time: string | undefined;
  expected: string | undefined;
  found: string | undefined;
}

/** What was looked at in one partition. */
export interface PartitionReport {
  partition: number;
  logId: string | undefined;
  /** Records [from, to) of `metrics.events` whose rows were compared. */
  from: number;
  to: number;
  /** When the checkpoint at `from` was made, where a fold began with one. */
  checkpoint: string | undefined;
  /** Records below it are counted in the ledger; undefined: nothing was published yet. */
  position: number | undefined;
  records: number;
  samples: number;
  /** Samples of records that the log holds twice. */
  appendedAgain: number;
}

export interface LedgerReport extends Omit<LedgerTotals, 'lost' | 'droppedBy'> {
  partition: number;
  lost: number;
}

export interface AuditReport {
  format: 1;
  outcome: 'proven' | 'broken';
  mode: 'plain' | 'deep';
  started: string;
  durationMs: number;
  samplesPerSecond: number;
  /** What it was asked to look at; undefined: everything. See `AuditSettings`. */
  since: string | undefined;
  until: string | undefined;
  tenant: string | undefined;
  partitions: PartitionReport[];
  /** What became of all accepted samples, as of each partition's position. */
  ledger: LedgerReport[];
  /** Rows that were compared. */
  rows: Record<string, number>;
  /** What could not be proven, and why; each one sentence. */
  notProven: string[];
  /** Worth knowing, and not wrong. */
  notes: string[];
  findings: Finding[];
}

/** RFC 3339 to the microsecond. */
export function formatTimeUs(timeUs: TimeUs): string {
  if (!Number.isFinite(timeUs)) return String(timeUs);
  const ms = Math.floor(timeUs / 1000);
  const rest = String(timeUs - ms * 1000).padStart(3, '0');
  return new Date(ms).toISOString().replace('Z', `${rest}Z`);
}
