import type { Rule, RuleFile } from '@millrace/rules';

const JOBS: Rule = {
  name: 'jobs',
  match: '{__name__=~"gauge|counter|unknown|latency"}',
  by: ['job'],
  widths: ['10s', '1m'],
  aggregates: ['count', 'sum', 'min', 'max', 'increase', 'quantile', 'sum_last'],
  keep_raw: true,
};
const CLICKS: Rule = {
  name: 'clicks',
  match: 'click',
  by: ['job'],
  widths: ['1m'],
  aggregates: ['count', 'sum', 'distinct(instance)'],
  keep_raw: false,
};

/** Rules that use every way a sample can go. */
export const SIM_RULES: RuleFile = { rules: [JOBS, CLICKS] };

/** What becomes of each of them while the system runs; undefined: it is taken away. */
const VARIANTS: readonly (readonly (Rule | undefined)[])[] = [
  [JOBS, { ...JOBS, widths: ['20s'] }, { ...JOBS, keep_raw: false, by: [] }, undefined],
  [CLICKS, { ...CLICKS, keep_raw: true }, undefined],
  [undefined, { name: 'orders', match: 'order', widths: ['30s'], aggregates: ['count', 'sum'] }],
];

/** A rule file out of all that the variants allow. */
export function simRules(pick: <T>(from: readonly T[]) => T): RuleFile {
  return { rules: VARIANTS.flatMap((variants) => pick(variants) ?? []) };
}
