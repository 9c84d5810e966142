export { systemClock, type Clock } from './clock.ts';
export { errorKind, errorText, MillraceError, type ErrorKind } from './errors.ts';
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
export type { PartitionStatus, Stage, StageStatus } from './stage.ts';
