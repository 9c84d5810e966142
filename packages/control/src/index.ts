export { acknowledgeLosses } from './acknowledge-losses.ts';
export { noteArchive } from './note-archive.ts';
export { applyRules, type AppliedRules } from './apply-rules.ts';
export { appendBarrier, barrierOf, firstBarrierOf, type BarrierParts } from './barrier.ts';
export { checkFoldVersion } from './check-fold-version.ts';
export { CHANGE_PERIOD_US, VERSIONS_MAX } from './check-frequency.ts';
export { checkRulesSize } from './check-size.ts';
export { candidateInForce, candidateUnknown, notBegun } from './control-errors.ts';
export type { ChangingParts, ControlParts } from './control-parts.ts';
export { ControlFollower, type FollowerParts } from './control-follower.ts';
export {
  beginCandidate,
  CANDIDATES_MAX,
  dropCandidate,
  isInForce,
  promoteCandidate,
  type ChangedCandidates,
} from './candidates.ts';
export { orderJobs } from './order-jobs.ts';
export { candidatesWithJobs, heldByJobs, JOB_OVER_POSITION } from './held-by-jobs.ts';
export { openControl, type OpenControl } from './open-control.ts';
export {
  completeChange,
  planRules,
  type RulesChange,
  type RulesPlan,
  type WantedRules,
} from './plan-rules.ts';
export { HistoryReader, readHistory } from './read-history.ts';
export { retentionInForce } from './retention-in-force.ts';
export {
  RulesHistory,
  type BoundArchive,
  type Candidate,
  type JobsOrder,
  type RulesVersion,
} from './rules-history.ts';
