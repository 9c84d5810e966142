import type { CompiledRule } from './compiled-rule.ts';
import { formatWidth } from './duration.ts';
import type { Rule } from './rule.ts';

/** A compiled rule as a person would write it, everything spelt out: for people to read. */
export function writtenRule(rule: CompiledRule): Rule {
  const { name, match, grouping, widthsUs, aggregates, keepRaw } = rule;
  if (rule.drop === true) return { name, match, drop: true };
  return {
    name,
    match,
    ...(grouping.kind === 'same' ? {} : { [grouping.kind]: grouping.labels }),
    widths: widthsUs.map(formatWidth),
    aggregates,
    keep_raw: keepRaw,
  };
}
