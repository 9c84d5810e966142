export { STATE_VERSION } from '../fold/saved-header.ts';
export { FOLD_VERSIONS } from '@millrace/wire';
export {
  dataRecord,
  labelSetOf,
  TEST_TENANT,
  type TestPart,
  type TestSample,
} from './data-record.ts';
export {
  entryTexts,
  logStart,
  piecesOf,
  runFold,
  TEST_LOG_ID,
  type FoldRun,
  type LoggedRecord,
} from './fold-run.ts';
export {
  oracleRun,
  type OracleExemplar,
  type OracleRecord,
  type OracleRun,
  type OracleSample,
} from './editions-oracle.ts';
export { liveRecord } from './live-record.ts';
export { leaveOutLabels, withDefined } from './left-out-labels.ts';
export { naiveWindows, windowKey, type NaiveWindow } from './naive-oracle.ts';
export { RuleVersions } from './rule-versions.ts';
export { JobsBench } from './jobs-bench.ts';
export { TIGHT_SETTINGS, VARIED_RULES, variedLog } from './varied-log.ts';
export { loadPages, newPartitionHead, takePages } from '../fold/partition-state.ts';
export { PartitionFold } from '../fold/partition-fold.ts';
