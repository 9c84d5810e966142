import type { TimeUs } from '@millrace/model';

/** The version of the compiled form. Bumped when its meaning changes. */
export const COMPILED_RULES_VERSION = 1;

/** Columns of a piece that a rule's aggregates are computed from, in this order. */
export const STATE_COLUMNS = [
  'count',
  'sum',
  'min',
  'max',
  'first',
  'last',
  'increase',
  'histogram',
  'distinct',
  'inputs',
] as const;
export type StateColumn = (typeof STATE_COLUMNS)[number];

/** Which output series an input series goes to. `labels` are sorted by bytes. */
export type Grouping =
  { kind: 'same' } | { kind: 'by'; labels: string[] } | { kind: 'without'; labels: string[] };

/** One edition of one rule, as it travels in the log's barrier records: plain JSON. */
export interface CompiledRule {
  name: string;
  /** 1 is the built-in roll-up; the rules of the file follow from 2 on, in its order. */
  edition: number;
  /** Selector of the input series; `{}` matches every series. */
  match: string;
  grouping: Grouping;
  /** Ascending. */
  widthsUs: TimeUs[];
  /** As written, in the order of AGGREGATES: names, or `distinct(label)`. */
  aggregates: string[];
  /** What has to be folded, in the order of STATE_COLUMNS; always with `count`. */
  columns: StateColumn[];
  /** `distinct` counts the values of this label; null: the values of the samples. */
  distinctLabel: string | null;
  keepRaw: boolean;
  /** False only for a roll-up of each series beside its raw samples. */
  aggregatesAway: boolean;
  /** Applies only to series that no other rule stops from being kept raw: the built-in one. */
  onlyKeptRaw: boolean;
  /**
   * It takes the samples that match away, from all rules: they are only counted. Such a rule has
   * no widths, aggregates and columns. Absent otherwise; fold version 1 has none.
   */
  drop?: true;
  /** The rule as a person wrote it (or the built-in one), as JSON. */
  source: string;
}

export interface CompiledRules {
  version: typeof COMPILED_RULES_VERSION;
  /** Ascending by edition. */
  rules: CompiledRule[];
}

/** The first fold version that can fold under these rules. */
export function foldVersionNeeded({ rules }: CompiledRules): number {
  return rules.some(({ drop }) => drop === true) ? 2 : 1;
}
