export { AnswerWatch } from './health/answer-watch.ts';
export {
  createBackoff,
  retryTransient,
  type Backoff,
  type BackoffSettings,
} from './time/backoff.ts';
export { choosePort, urlOf, USUAL_PORT } from './settings/choose-port.ts';
export { systemClock, type Clock } from './time/clock.ts';
export { createConsoleLog, type LoggingSettings } from './log/console-log.ts';
export { diskRoom, type DiskRoom } from './disk/disk-room.ts';
export { errorKind, errorText, MillraceError, type ErrorKind } from './errors.ts';
export { exitCodeOf, exitCodes, type ExitCode } from './exit-codes.ts';
export { startHealthServer, type HealthServer, type HealthSource } from './health/health-server.ts';
export type { Dependency, Health } from './health/health.ts';
export { createQuietLog } from './log/quiet-log.ts';
export { createLog, silentLog, type Log, type LogFields, type LogLevel } from './log/log.ts';
export {
  giveWay,
  GIVE_WAY_STEPS,
  letHelpersGiveWay,
  letProcessGiveWay,
} from './process/give-way.ts';
export { makeDirectories } from './disk/make-directories.ts';
export {
  createMeter,
  type Measurement,
  type Meter,
  type MeterCounter,
  type MeterGauge,
  type MeterHistogram,
  type MeterLabels,
} from './metrics/meter.ts';
export { OwnedPartitions, type PartitionTask } from './process/owned-partitions.ts';
export {
  archiveDependencies,
  dependenciesOf,
  dependencyOf,
  PartitionWatch,
} from './process/partition-watch.ts';
export { partitionsText, toldTogether } from './process/told-together.ts';
export { identifyProcess, type ProcessIdentity } from './process/process-identity.ts';
export { createProcessMeter, measureThread } from './metrics/process-meter.ts';
export { lockDirectory, type DirectoryLock } from './process/process-lock.ts';
export {
  checkHost,
  partitionsSetting,
  processDefinition,
  SHARED_SECTIONS,
  type ProcessSettings,
} from './settings/process-settings.ts';
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
} from './settings/setting-kinds.ts';
export {
  checkRelations,
  readSetting,
  readSettings,
  variableOf,
  type EffectiveSetting,
  type ReadSettings,
  type SettingsDefinition,
  type SettingsRelation,
} from './settings/settings.ts';
export { mappedBuffer } from './memory/mapped-buffer.ts';
export { limitTime, type TimeLimit } from './time/time-limit.ts';
export { settlesWithin } from './time/settles-within.ts';
export { nearestWord } from './words/nearest-word.ts';
export { Turns } from './time/turns.ts';
export { listenForShutdown, type Shutdown } from './process/shutdown.ts';
export type {
  ArchiveStatus,
  JobStatus,
  PartitionedStage,
  PartitionStatus,
  Stage,
  StageStatus,
} from './process/stage.ts';
export {
  runStageProcess,
  type HostedStage,
  type StageHost,
  type StageProcessParams,
} from './process/stage-process.ts';
export { DependencyWait } from './health/dependency-wait.ts';
export { loadZstd, type Zstd } from './compress/zstd.ts';
