import type { CompiledRule } from '@millrace/rules';

/** What folding needs to know of one edition, ready for the hot path. */
export interface EditionPlan {
  rule: CompiledRule;
  edition: number;
  widthsUs: readonly number[];
  /** Published every second while changing, and kept for a while after the end. */
  aggregatesAway: boolean;
  wantsSum: boolean;
  wantsMin: boolean;
  wantsMax: boolean;
  wantsFirst: boolean;
  wantsLast: boolean;
  wantsIncrease: boolean;
  wantsHistogram: boolean;
  wantsDistinct: boolean;
  wantsInputs: boolean;
  /** Nothing is folded into windows that start at or after it. Infinity while in force. */
  untilUs: number;
  /**
   * Of each width: nothing is folded into windows that start before it. Undefined: there is no such
   * bound; jobs have one.
   */
  fromUs: readonly number[] | undefined;
}

export function planEdition(rule: CompiledRule): EditionPlan {
  const { columns } = rule;
  return {
    rule,
    edition: rule.edition,
    widthsUs: rule.widthsUs,
    aggregatesAway: rule.aggregatesAway,
    wantsSum: columns.includes('sum'),
    wantsMin: columns.includes('min'),
    wantsMax: columns.includes('max'),
    wantsFirst: columns.includes('first'),
    wantsLast: columns.includes('last'),
    wantsIncrease: columns.includes('increase'),
    wantsHistogram: columns.includes('histogram'),
    wantsDistinct: columns.includes('distinct'),
    wantsInputs: columns.includes('inputs'),
    untilUs: Infinity,
    fromUs: undefined,
  };
}
