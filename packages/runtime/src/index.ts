export { createBackoff, retryTransient, type Backoff, type BackoffSettings } from './backoff.ts';
export { systemClock, type Clock } from './clock.ts';
export { errorKind, errorText, MillraceError, type ErrorKind } from './errors.ts';
export { exitCodeOf, exitCodes, type ExitCode } from './exit-codes.ts';
export { createLog, silentLog, type Log, type LogFields, type LogLevel } from './log.ts';
export {
  createMeter,
  type Measurement,
  type Meter,
  type MeterCounter,
  type MeterGauge,
  type MeterHistogram,
  type MeterLabels,
} from './meter.ts';
export { identifyProcess, type ProcessIdentity } from './process-identity.ts';
export { lockDirectory, type DirectoryLock } from './process-lock.ts';
export {
  bytes,
  choice,
  durationMs,
  flag,
  integer,
  optionalInteger,
  optionalText,
  text,
  type Setting,
} from './setting-kinds.ts';
export {
  checkRelations,
  readSettings,
  variableOf,
  type EffectiveSetting,
  type SettingsDefinition,
  type SettingsRelation,
} from './settings.ts';
export { listenForShutdown, type Shutdown } from './shutdown.ts';
export type { PartitionStatus, Stage, StageStatus } from './stage.ts';
