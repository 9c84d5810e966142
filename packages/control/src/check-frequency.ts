import { rulesTooOften } from './control-errors.ts';
import type { RulesVersion } from './rules-history.ts';

/** For so long an edition whose rule changed is folded on, and some more. */
export const CHANGE_PERIOD_US: number = 70 * 60_000_000;
/**
 * A few less than the transformer folds on at a time (`GENERATIONS_MAX`): with more it has to end
 * the oldest while they are still shown.
 */
export const VERSIONS_MAX = 60;

/**
 * Refuses another version when there were too many of late: two who apply different rules in turn
 * would otherwise go on until windows that are shown are ended in the middle.
 *
 * @throws MillraceError (transient) RULES_TOO_OFTEN.
 */
export function checkFrequency(versions: readonly RulesVersion[], nowUs: number): void {
  const oldest = versions.at(-VERSIONS_MAX);
  if (oldest === undefined) return;
  const untilUs = oldest.appliedAtUs + CHANGE_PERIOD_US;
  // Of a clock that was set back nothing is known.
  if (untilUs <= nowUs || oldest.appliedAtUs > nowUs) return;
  throw rulesTooOften(VERSIONS_MAX, Math.ceil((untilUs - nowUs) / 60_000_000));
}
