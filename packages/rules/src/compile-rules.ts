import { createHash } from 'node:crypto';
import { compareBytes } from '@millrace/model';
import { MillraceError } from '@millrace/runtime';
import { columnsOf, formatAggregate, parseAggregate, sortAggregates } from './aggregate.ts';
import { canonicalJson } from './canonical-json.ts';
import { RulesErrorCode } from './codes.ts';
import {
  COMPILED_RULES_VERSION,
  type CompiledRule,
  type CompiledRules,
  type Grouping,
} from './compiled-rule.ts';
import { parseWidth } from './duration.ts';
import { ROLLUP_RULE_NAME, type Rule, type RuleFile } from './rule.ts';

/** Every series that is kept raw, also as 5 minutes and as hours. */
export const ROLLUP_RULE: Rule = {
  name: ROLLUP_RULE_NAME,
  match: '{}',
  widths: ['5m', '1h'],
  aggregates: ['count', 'sum', 'min', 'max', 'first', 'last', 'increase'],
};

/**
 * The rules in force: first the built-in roll-up as edition 1, then those of the file as editions
 * from 2 on, in its order. The file must have passed `parseRules`; one that could not have is a
 * defect of the caller.
 */
export function compileRules(file: RuleFile | undefined): CompiledRules {
  const rules = [
    { ...compileRule(ROLLUP_RULE, 1), onlyKeptRaw: true },
    ...(file?.rules ?? []).map((rule, i) => compileRule(rule, i + 2)),
  ];
  return { version: COMPILED_RULES_VERSION, rules };
}

/** SHA-256, as hex, of the rules as JSON with sorted keys: equal for equal rules only. */
export function rulesDigest(compiled: CompiledRules): string {
  return createHash('sha256').update(canonicalJson(compiled)).digest('hex');
}

function compileRule(rule: Rule, edition: number): CompiledRule {
  if (rule.drop === true) return compileDrop(rule, edition);
  const aggregates = sortAggregates(
    (rule.aggregates ?? []).map(
      (text) => parseAggregate(text) ?? defect(rule, `no aggregate ${text}`),
    ),
  );
  const widthsUs = (rule.widths ?? []).map((text) => {
    const width = parseWidth(text);
    return width.ok ? width.us : defect(rule, `${text} ${width.why}`);
  });
  const grouping = groupingOf(rule);
  const keepRaw = rule.keep_raw ?? true;
  return {
    name: rule.name,
    edition,
    match: rule.match,
    grouping,
    widthsUs: widthsUs.sort((a, b) => a - b),
    aggregates: aggregates.map(formatAggregate),
    columns: columnsOf(aggregates),
    distinctLabel: aggregates.find(({ label }) => label !== undefined)?.label ?? null,
    keepRaw,
    aggregatesAway: grouping.kind !== 'same' || !keepRaw,
    onlyKeptRaw: false,
    source: sourceOf(rule),
  };
}

/** How long its windows are kept may change, and the edition stays: that is not its own. */
function sourceOf({ keep: _keep, ...folded }: Rule): string {
  return canonicalJson(folded);
}

function compileDrop(rule: Rule, edition: number): CompiledRule {
  return {
    name: rule.name,
    edition,
    match: rule.match,
    grouping: { kind: 'same' },
    widthsUs: [],
    aggregates: [],
    columns: [],
    distinctLabel: null,
    keepRaw: false,
    aggregatesAway: false,
    onlyKeptRaw: false,
    drop: true,
    source: canonicalJson(rule),
  };
}

function groupingOf(rule: Rule): Grouping {
  const sorted = (labels: readonly string[]): string[] => [...labels].sort(compareBytes);
  if (rule.by !== undefined) return { kind: 'by', labels: sorted(rule.by) };
  if (rule.without !== undefined) return { kind: 'without', labels: sorted(rule.without) };
  return { kind: 'same' };
}

function defect(rule: Rule, what: string): never {
  throw new MillraceError({
    code: RulesErrorCode.notParsed,
    kind: 'defect',
    message: `The rule ${rule.name} was compiled without having been parsed: ${what}.`,
  });
}
