import type { StageStatus } from '@millrace/runtime';
import type { LastCompletion } from '@millrace/store/postgres';
import type { RunningStore } from './run-file.ts';

/** What `GET /api/v1/status` answers and `millrace status` shows. */
export interface SingleStatus {
  version: string;
  pid: number;
  /** RFC 3339. */
  started: string;
  url: string;
  directory: string;
  /** True when every stage does its work. */
  ready: boolean;
  stages: StageStatus[];
  /** Bytes of the files of the log, both topics. */
  logBytes: number;
  store: {
    kind: RunningStore['kind'];
    isRunning: boolean;
    /** Why it does not answer, as for as long as it stands still; absent: it does. */
    problem?: string;
    /** Both absent while it does not answer. */
    bytes?: number;
    /** What became of all samples, over all tenants and partitions, as it was last published. */
    ledger?: LedgerTotals;
    /** How marked windows were completed last; absent: they never were. */
    completion?: LastCompletion;
  };
}

export interface LedgerTotals {
  accepted: number;
  stored: number;
  duplicate: number;
  conflict: number;
  dropped: number;
  unverified: number;
  deadLetter: number;
  lost: number;
}
