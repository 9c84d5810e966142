export { chooseDataDirectory, usualDataDirectory, type DataDirectory } from './data-directory.ts';
export { directoryBytes } from '../directory-bytes.ts';
export { readRuleFile, RULE_FILE_NAME, RuleFileError, type RuleFileContent } from './rule-file.ts';
export { readRunFile, type RunFile, type RunningStore } from './run-file.ts';
export type { LedgerTotals, SingleStatus } from './single-status.ts';
export { version } from './version.ts';
