export { completeMarked, type CompleteComponents } from './complete-marked.ts';
export type { CompleteProgress, CompleteReport, Reason, ReasonReport } from './complete-report.ts';
export { COMPLETE_DEFAULTS, type CompleteSettings } from './complete-settings.ts';
