import { labelValue, type LabelSet, type TimeUs } from '@millrace/model';
import type { CompiledRule, CompiledRules } from './compiled-rule.ts';
import { createPlacer, type PlacementTarget } from './placement.ts';
import { firstMismatch } from './selector-match.ts';
import { parseSelector, type Matcher } from './selector.ts';

/** What becomes of one sample under some rules, and why. */
export interface SampleExplanation {
  keepRaw: boolean;
  /** A matching rule drops it: it is counted, and neither kept nor folded. */
  isDropped: boolean;
  /** The matching rules that drop it, else those that stop it from being kept raw. */
  droppedBy: readonly CompiledRule[];
  /** One for every rule, ascending by edition. */
  rules: readonly RuleExplanation[];
}

export type RuleExplanation =
  /** The rule matches, and folds the sample into these windows of this output series. */
  | { rule: CompiledRule; verdict: 'folds'; target: PlacementTarget; windows: SampleWindow[] }
  /** The first matcher that does not hold, and the label's value; undefined: no such label. */
  | { rule: CompiledRule; verdict: 'no_match'; matcher: Matcher; value: string | undefined }
  /** It matches, and what matches is only counted: no other rule gets it. */
  | { rule: CompiledRule; verdict: 'drops' }
  /** It matches, but `SampleExplanation.droppedBy` drops what it matches. */
  | { rule: CompiledRule; verdict: 'dropped' }
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
  const { keepRaw, droppedBy: dropper, targets } = createPlacer(compiled).place(labels);
  const isDropped = dropper !== undefined;
  const rules = compiled.rules.map((rule): RuleExplanation => {
    const target = targets.find((one) => one.rule === rule);
    if (target !== undefined) {
      return { rule, verdict: 'folds', target, windows: windowsOf(rule, timeUs) };
    }
    const matcher = mismatchOf(rule, labels);
    if (matcher === undefined) return { rule, verdict: verdictOf(rule, isDropped) };
    return { rule, verdict: 'no_match', matcher, value: labelValue(labels, matcher.name) };
  });
  const droppedBy = isDropped
    ? rules.filter(({ verdict }) => verdict === 'drops').map(({ rule }) => rule)
    : targets.filter(({ rule }) => !rule.keepRaw).map(({ rule }) => rule);
  return { keepRaw, isDropped, droppedBy, rules };
}

/** Of a rule that matches and folds nothing. */
function verdictOf(
  { drop }: CompiledRule,
  isDropped: boolean,
): 'drops' | 'dropped' | 'not_kept_raw' {
  if (drop === true) return 'drops';
  return isDropped ? 'dropped' : 'not_kept_raw';
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
