import type { SampleKindName, TimeUs } from '@millrace/model';

/** Something that the store refused for ever, as people see it. */
export interface DeadLetter {
  /** A 64-bit integer. */
  id: string;
  recordedAtUs: TimeUs;
  logId: string;
  partition: number;
  source: string;
  /** What it was: sample, histogram, definition, window, … */
  entry: string;
  tenant: string;
  reason: string;
  detail: string;
  seriesId: string | null;
  /** Of the series, when it is known; labels lack `__name__`. */
  metric: string | null;
  labels: Record<string, string> | null;
  kind: SampleKindName | null;
  timeUs: TimeUs | null;
  value: number | null;
  receivedAtUs: TimeUs | null;
  /** The refused entry: bytes as hex, and numbers that JSON lacks as their names. */
  payload: unknown;
  redriveStartedAtUs: TimeUs | null;
  redrivenAtUs: TimeUs | null;
  redriveToken: string | null;
}

export interface DeadLetterFilter {
  ids?: readonly string[];
  reason?: string;
  tenant?: string;
  /** When it was recorded: from, and before. */
  sinceUs?: TimeUs;
  untilUs?: TimeUs;
  /** Also those that were sent again. */
  withRedriven?: boolean;
  limit: number;
}

/** Entries that are samples: each counts one in the ledger. */
export const SAMPLE_ENTRIES: readonly string[] = ['sample', 'histogram', 'unverified sample'];

/** Samples below the floor that are kept apart, of one series. */
export interface UnverifiedSeries {
  tenant: string;
  seriesId: string;
  metric: string | null;
  labels: Record<string, string> | null;
  samples: number;
  fromUs: TimeUs;
  toUs: TimeUs;
  /** When the newest came. */
  receivedAtUs: TimeUs;
}

export interface UnverifiedSample {
  timeUs: TimeUs;
  value: number | null;
  stale: boolean;
  /** Known only of those that are kept apart. */
  receivedAtUs: TimeUs | null;
  partition: number | null;
  /** In `unverified`; otherwise among the raw samples of its series. */
  isApart: boolean;
}
