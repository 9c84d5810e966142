import { canonicalJson } from './canonical-json.ts';
import type { CompiledRule, CompiledRules } from './compiled-rule.ts';
import { parseSelector, selectedMetric } from './selector.ts';

/** A rule without its number: what makes it another edition when it changes. */
export type UnnumberedRule = Omit<CompiledRule, 'edition'>;

export function withoutEdition(rule: CompiledRule): UnnumberedRule {
  const { edition: _edition, ...unnumbered } = rule;
  return unnumbered;
}

/**
 * Equal for editions that fold the same samples into the same windows, however their rules are
 * written: to say `keep_raw: true`, or the labels in another order, changes nothing.
 *
 * The built-in roll-up leaves out what other rules stop from being kept raw, so their selectors
 * belong to it: a series that leaves it, or comes to it, in the middle of a window must not do so
 * unseen. For the same reason those of rules that drop belong to every rule they can meet.
 */
export function editionKey(rule: CompiledRule, all: CompiledRules): string {
  const { source: _source, ...meaning } = withoutEdition(rule);
  const notKeptRaw = rule.onlyKeptRaw
    ? all.rules.filter(({ keepRaw }) => !keepRaw).map(({ match }) => match)
    : [];
  const drops = rule.drop === true ? [] : all.rules.filter((other) => takesFrom(other, rule));
  const taken = drops.map(({ match }) => match).sort();
  // Without any it is what it was before there were such rules.
  return canonicalJson([meaning, notKeptRaw.sort(), ...(taken.length === 0 ? [] : [taken])]);
}

/** Whether one rule may drop series of the other: not when they are for two metrics. */
function takesFrom({ drop, match }: CompiledRule, other: CompiledRule): boolean {
  if (drop !== true) return false;
  const mine = metricOf(match);
  const theirs = metricOf(other.match);
  return mine === undefined || theirs === undefined || mine === theirs;
}

function metricOf(match: string): string | undefined {
  const parsed = parseSelector(match);
  return parsed.ok ? selectedMetric(parsed.selector) : undefined;
}
