export { createBackoff, retryTransient, type Backoff, type BackoffSettings } from './backoff.ts';
export { choosePort, urlOf, USUAL_PORT } from './choose-port.ts';
export { systemClock, type Clock } from './clock.ts';
export { createConsoleLog, type LoggingSettings } from './console-log.ts';
export { diskRoom, type DiskRoom } from './disk-room.ts';
export { errorKind, errorText, MillraceError, type ErrorKind } from './errors.ts';
export { exitCodeOf, exitCodes, type ExitCode } from './exit-codes.ts';
export { startHealthServer, type HealthServer, type HealthSource } from './health-server.ts';
export type { Dependency, Health } from './health.ts';
export { createQuietLog } from './quiet-log.ts';
export { createLog, silentLog, type Log, type LogFields, type LogLevel } from './log.ts';
export { makeDirectories } from './make-directories.ts';
export {
  createMeter,
  type Measurement,
  type Meter,
  type MeterCounter,
  type MeterGauge,
  type MeterHistogram,
  type MeterLabels,
} from './meter.ts';
export { OwnedPartitions, type PartitionTask } from './owned-partitions.ts';
export {
  archiveDependencies,
  dependenciesOf,
  dependencyOf,
  PartitionWatch,
} from './partition-watch.ts';
export { identifyProcess, type ProcessIdentity } from './process-identity.ts';
export { createProcessMeter, measureThread } from './process-meter.ts';
export { lockDirectory, type DirectoryLock } from './process-lock.ts';
export {
  checkHost,
  partitionsSetting,
  processDefinition,
  SHARED_SECTIONS,
  type ProcessSettings,
} from './process-settings.ts';
export {
  bytes,
  choice,
  durationMs,
  flag,
  integer,
  optionalInteger,
  optionalText,
  requiredText,
  text,
  type Setting,
} from './setting-kinds.ts';
export {
  checkRelations,
  readSetting,
  readSettings,
  variableOf,
  type EffectiveSetting,
  type ReadSettings,
  type SettingsDefinition,
  type SettingsRelation,
} from './settings.ts';
export { limitTime, type TimeLimit } from './time-limit.ts';
export { settlesWithin } from './settles-within.ts';
export { Turns } from './turns.ts';
export { listenForShutdown, type Shutdown } from './shutdown.ts';
export type {
  ArchiveStatus,
  JobStatus,
  PartitionedStage,
  PartitionStatus,
  Stage,
  StageStatus,
} from './stage.ts';
export {
  runStageProcess,
  type HostedStage,
  type StageHost,
  type StageProcessParams,
} from './stage-process.ts';
export { DependencyWait } from './dependency-wait.ts';
