export { formatAggregate, parseAggregate } from './aggregate.ts';
export { RuleFault, RulesErrorCode, type RuleProblem } from './codes.ts';
export { compileRules, ROLLUP_RULE, rulesDigest } from './compile-rules.ts';
export {
  COMPILED_RULES_VERSION,
  foldVersionNeeded,
  STATE_COLUMNS,
  type CompiledRule,
  type CompiledRules,
  type Grouping,
  type StateColumn,
} from './compiled-rule.ts';
export { formatWidth, parseAgo, parseWidth, type ParsedWidth } from './duration.ts';
export { editionKey, withoutEdition, type UnnumberedRule } from './edition-key.ts';
export {
  explainSample,
  type RuleExplanation,
  type SampleExplanation,
  type SampleWindow,
} from './explain.ts';
export { parseRules, type ParsedRules } from './parse-rules.ts';
export { createPlacer, type Placement, type Placer, type PlacementTarget } from './placement.ts';
export { readCompiledRules } from './read-compiled-rules.ts';
export {
  AGGREGATES,
  ROLLUP_RULE_NAME,
  RULE_FILE_BYTES_MAX,
  RULES_MAX,
  SELECTOR_CHARS_MAX,
  type Aggregate,
  type AggregateName,
  type Keep,
  type Rule,
  type RuleFile,
  type Tenant,
  type TenantKeep,
} from './rule.ts';
export type { RetentionWords } from '@millrace/model';
export { readRetentionWords, retentionWords } from './retention-words.ts';
export { RULE_FILE_SCHEMA } from './rule-file-schema.ts';
export { compileSelector, type LabelTest } from './selector-match.ts';
export type { SelectorFault } from './selector-text.ts';
export {
  formatMatcher,
  parseSelector,
  selectedMetric,
  type Matcher,
  type MatchOperator,
  type ParsedSelector,
  type Selector,
} from './selector.ts';
export { writtenRule } from './written-rule.ts';
