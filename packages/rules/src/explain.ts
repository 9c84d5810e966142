import { labelValue, type LabelSet, type TimeUs } from '@millrace/model';
import type { CompiledRule, CompiledRules } from './compiled-rule.ts';
import { createPlacer, type PlacementTarget } from './placement.ts';
import { firstMismatch } from './selector-match.ts';
import { parseSelector, type Matcher } from './selector.ts';

/** What becomes of one sample under some rules, and why. */
export interface SampleExplanation {
  keepRaw: boolean;
  /** The matching rules that stop it from being kept raw; none when it is kept. */
  droppedBy: readonly CompiledRule[];
  /** One for every rule, ascending by edition. */
  rules: readonly RuleExplanation[];
}

export type RuleExplanation =
  /** The rule matches, and folds the sample into these windows of this output series. */
  | { rule: CompiledRule; verdict: 'folds'; target: PlacementTarget; windows: SampleWindow[] }
  /** The first matcher that does not hold, and the label's value; undefined: no such label. */
  | { rule: CompiledRule; verdict: 'no_match'; matcher: Matcher; value: string | undefined }
  /** It matches, but takes only what is kept raw, and `SampleExplanation.droppedBy` is not empty. */
  | { rule: CompiledRule; verdict: 'not_kept_raw' };

/** `[startUs, endUs)`: the window of that width that a time lies in. */
export interface SampleWindow {
  widthUs: TimeUs;
  startUs: TimeUs;
  endUs: TimeUs;
}

/**
 * Says where a sample of this series and time goes, as `createPlacer` decides it, and why it does
 * not go elsewhere. For people: it compiles every selector anew.
 *
 * @throws MillraceError RULES_UNREADABLE when a selector does not parse.
 */
export function explainSample(
  compiled: CompiledRules,
  labels: LabelSet,
  timeUs: TimeUs,
): SampleExplanation {
  const { keepRaw, targets } = createPlacer(compiled).place(labels);
  const rules = compiled.rules.map((rule): RuleExplanation => {
    const target = targets.find((one) => one.rule === rule);
    if (target !== undefined) {
      return { rule, verdict: 'folds', target, windows: windowsOf(rule, timeUs) };
    }
    const matcher = mismatchOf(rule, labels);
    if (matcher === undefined) return { rule, verdict: 'not_kept_raw' };
    return { rule, verdict: 'no_match', matcher, value: labelValue(labels, matcher.name) };
  });
  const droppedBy = targets.filter(({ rule }) => !rule.keepRaw).map(({ rule }) => rule);
  return { keepRaw, droppedBy, rules };
}

function mismatchOf({ match }: CompiledRule, labels: LabelSet): Matcher | undefined {
  const parsed = parseSelector(match);
  return parsed.ok ? firstMismatch(parsed.selector, labels) : undefined;
}

function windowsOf({ widthsUs }: CompiledRule, timeUs: TimeUs): SampleWindow[] {
  return widthsUs.map((widthUs) => {
    const startUs = Math.floor(timeUs / widthUs) * widthUs;
    return { widthUs, startUs, endUs: startUs + widthUs };
  });
}
