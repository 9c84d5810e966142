import type { WindowValues } from './window-values.ts';

/** What rules would cost and change, as `millrace preview` finds it. Times are RFC 3339. */
export interface PreviewReport {
  format: 1;
  since: string;
  /** Where the log ended, or a bound was reached; of the partition that is least far. */
  until: string;
  /** The version in force that the file was compared with. */
  version: number;
  partitions: PreviewedPartition[];
  /** In the order of the file, the built-in rule first. */
  rules: PreviewedRule[];
  /** Rules in force that the file does not have. */
  removed: (Pick<PreviewedRule, 'rule'> & { current: RuleCost })[];
  raw: { current: RawCost; planned: RawCost };
  /** How the figures were found. */
  estimates: string[];
  /** What was not looked at, and why; empty: everything was. */
  notCovered: string[];
}

export interface PreviewedPartition {
  partition: number;
  /** Where the fold began. */
  position: number;
  /** When the checkpoint that it began with was made; null: the log's beginning. */
  checkpoint: string | null;
  /** The archive that what the log has forgotten was read from; null: the log had it all. */
  archive: string | null;
  records: number;
  samples: number;
  /** Where the range begins in it: `since`, or the first sample of a log that is younger. */
  from: string;
  /** The part of the range that was folded. */
  seconds: number;
}

/** What one rule costs. */
export interface RuleCost {
  seriesIn: number;
  seriesOut: number;
  samplesPerSecond: number;
  /** Rows of `windows`: pieces, one for each partition that has samples of a window. */
  rowsPerSecond: number;
  rowsPerDay: number;
  bytesPerDay: number;
}

export interface RawCost {
  samplesPerDay: number;
  bytesPerDay: number;
}

export interface PreviewedRule {
  rule: string;
  change: 'added' | 'changed' | 'unchanged';
  /** It takes samples away, and stores nothing. */
  drops: boolean;
  keepsRaw: boolean;
  planned: RuleCost;
  /** Under the rules in force; null: there is no such rule. */
  current: RuleCost | null;
  /** Raw samples of the series it matches: what would be kept more (or less) than now. */
  raw: RawCost;
  widths: { width: string; rowsPerDay: number; bytesPerDay: number }[];
  examples: ExampleWindow[];
}

export interface ExampleWindow {
  /** Of which it is a piece; readers merge those of all. */
  partition: number;
  labels: string;
  width: string;
  start: string;
  /** False: samples of it may still come. */
  complete: boolean;
  values: WindowValues;
}
