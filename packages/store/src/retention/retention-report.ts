import type { TimeUs } from '@millrace/model';
import type { RetainedRows } from './plan-retention.ts';
import type { ExpiringTable } from './stored-expiry.ts';

/** How long what is kept, what the next upkeep deletes, and what waits. */
export interface RetentionReport {
  /** By it rows have their age; -Infinity: nothing is known to be old. */
  nowUs: TimeUs;
  /** Of all partitions, and the smallest of them. */
  smallestWatermarkUs: TimeUs;
  /** When an upkeep noted what is kept how long; undefined: none has, these are the defaults. */
  notedAtUs: TimeUs | undefined;
  /** What all upkeeps have deleted: parts of tables with about so many rows, and single rows. */
  soFar: { partsDropped: number; rowsDropped: number; rowsDeleted: number };
  rows: ReportedRows[];
  /** Dead letters of all tenants alike. */
  deadLettersKeptMs: number;
  tables: ReportedTable[];
}

export interface ReportedRows extends RetainedRows {
  table: ExpiringTable;
  /** It is shown for some windows; false: a candidate, or kept to be rolled back to. */
  isServed: boolean;
}

export interface ReportedTable {
  table: ExpiringTable;
  ranges: number;
  bytes: number;
  /** Undefined: it is empty. */
  oldestUs: TimeUs | undefined;
  /** Ranges that the next upkeep drops as a whole, and those of them that somebody uses now. */
  drops: { ranges: number; bytes: number; inUse: string[] };
  /** Ranges out of which it deletes rows, if there are any. */
  sweeps: number;
}
