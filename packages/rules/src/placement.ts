import { labelValue, METRIC_NAME_LABEL, type LabelSet } from '@millrace/model';
import { MillraceError } from '@millrace/runtime';
import { RulesErrorCode } from './codes.ts';
import type { CompiledRule, CompiledRules, Grouping } from './compiled-rule.ts';
import { compileSelector, type LabelTest } from './selector-match.ts';
import { parseSelector, selectedMetric } from './selector.ts';

/** One rule that matches an input series, and where its samples go under that rule. */
export interface PlacementTarget {
  rule: CompiledRule;
  /** Labels of the output series, sorted as the input's are; `__name__` is always kept. */
  labels: LabelSet;
  /** The output series is the input series: `labels` is the input's label set itself. */
  sameSeries: boolean;
  /**
   * Under `distinct(label)` the value of that label: what to count. Absent otherwise, and when
   * the series has no such label: then there is nothing to count.
   */
  distinctText?: string;
}

/** Where the samples of one input series go. A function of labels and rules alone: cache it. */
export interface Placement {
  /** True unless a matching rule says `keep_raw: false`, or drops. */
  keepRaw: boolean;
  /** The first of those rules. */
  rawDroppedBy: string | undefined;
  /** The first matching rule that drops; then there are no targets. */
  droppedBy: string | undefined;
  /** One for each matching rule, ascending by edition. Windows follow from `rule.widthsUs`. */
  targets: readonly PlacementTarget[];
}

export interface Placer {
  place(labels: LabelSet): Placement;
}

/**
 * Compiles the selectors once. Rules that name one metric are looked up by it, so a series costs
 * only the rules of its metric and those that name none. MillraceError RULES_UNREADABLE when a
 * selector does not parse: `readCompiledRules` would have refused it.
 */
export function createPlacer(compiled: CompiledRules): Placer {
  const plans = compiled.rules.map(planRule);
  const plansOfAll = plans.filter(({ metric }) => metric === undefined);
  const plansByMetric = new Map<string, Plan[]>();
  for (const { metric } of plans) {
    if (metric === undefined || plansByMetric.has(metric)) continue;
    const ofMetric = plans.filter((plan) => plan.metric === undefined || plan.metric === metric);
    plansByMetric.set(metric, ofMetric);
  }
  return {
    place: (labels) => {
      const metric = labelValue(labels, METRIC_NAME_LABEL) ?? '';
      return placeUnder(plansByMetric.get(metric) ?? plansOfAll, labels);
    },
  };
}

interface Plan {
  rule: CompiledRule;
  metric: string | undefined;
  matches: LabelTest;
  output: (labels: LabelSet) => LabelSet;
}

function planRule(rule: CompiledRule): Plan {
  const parsed = parseSelector(rule.match);
  if (!parsed.ok) {
    throw new MillraceError({
      code: RulesErrorCode.unreadable,
      kind: 'permanent',
      message: `The selector of rule ${rule.name} does not parse: ${parsed.fault.message}`,
      remedy: parsed.fault.remedy,
    });
  }
  return {
    rule,
    metric: selectedMetric(parsed.selector),
    matches: compileSelector(parsed.selector),
    output: outputOf(rule.grouping),
  };
}

function outputOf(grouping: Grouping): (labels: LabelSet) => LabelSet {
  if (grouping.kind === 'same') return (labels) => labels;
  const named = new Set(grouping.labels);
  const keepsNamed = grouping.kind === 'by';
  return (labels) => {
    const kept = labels.filter(
      ([name]) => name === METRIC_NAME_LABEL || named.has(name) === keepsNamed,
    );
    return kept.length === labels.length ? labels : kept;
  };
}

function placeUnder(plans: readonly Plan[], labels: LabelSet): Placement {
  const matching = plans.filter(({ matches }) => matches(labels));
  const droppedBy = matching.find(({ rule }) => rule.drop === true)?.rule.name;
  if (droppedBy !== undefined) {
    return { keepRaw: false, rawDroppedBy: droppedBy, droppedBy, targets: [] };
  }
  const rawDroppedBy = matching.find(({ rule }) => !rule.keepRaw)?.rule.name;
  const keepRaw = rawDroppedBy === undefined;
  const targets: PlacementTarget[] = [];
  for (const { rule, output } of matching) {
    if (rule.onlyKeptRaw && !keepRaw) continue;
    const outputLabels = output(labels);
    const target = { rule, labels: outputLabels, sameSeries: outputLabels === labels };
    const text = rule.distinctLabel === null ? undefined : labelValue(labels, rule.distinctLabel);
    targets.push(text === undefined || text === '' ? target : { ...target, distinctText: text });
  }
  return { keepRaw, rawDroppedBy, droppedBy, targets };
}
