export { acknowledgeLosses } from './acknowledge-losses.ts';
export { applyRules, type AppliedRules, type ControlParts } from './apply-rules.ts';
export { appendBarrier, barrierOf, firstBarrierOf, type BarrierParts } from './barrier.ts';
export { checkFoldVersion } from './check-fold-version.ts';
export { CHANGE_PERIOD_US, VERSIONS_MAX } from './check-frequency.ts';
export { checkRulesSize } from './check-size.ts';
export { notBegun } from './control-errors.ts';
export { ControlFollower, type FollowerParts } from './control-follower.ts';
export { openControl, type OpenControl } from './open-control.ts';
export {
  completeChange,
  planRules,
  type RulesChange,
  type RulesPlan,
  type WantedRules,
} from './plan-rules.ts';
export { HistoryReader, readHistory } from './read-history.ts';
export { RulesHistory, type RulesVersion } from './rules-history.ts';
