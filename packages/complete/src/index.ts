export {
  checkCompleted,
  type CheckComponents,
  type CheckSettings,
  type CompletedCheck,
  type CompletedFault,
} from './check-completed.ts';
export { completeMarked } from './complete-marked.ts';
export type { CompleteComponents } from './complete-components.ts';
export type { CompleteProgress, CompleteReport, Reason, ReasonReport } from './complete-report.ts';
export {
  COMPLETE_DEFAULTS,
  SCHEDULED_DEFAULTS,
  type CompleteSettings,
} from './complete-settings.ts';
export {
  createCompletionSchedule,
  type CompletionSchedule,
  type ScheduleComponents,
} from './completion-schedule.ts';
export { createGiveWay } from './give-way.ts';
