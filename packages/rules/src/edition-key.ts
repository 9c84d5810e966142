import { canonicalJson } from './canonical-json.ts';
import type { CompiledRule, CompiledRules } from './compiled-rule.ts';

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
 * unseen.
 */
export function editionKey(rule: CompiledRule, all: CompiledRules): string {
  const { source: _source, ...meaning } = withoutEdition(rule);
  const notKeptRaw = rule.onlyKeptRaw
    ? all.rules.filter(({ keepRaw }) => !keepRaw).map(({ match }) => match)
    : [];
  return canonicalJson([meaning, notKeptRaw.sort()]);
}
