export { detectFormat } from './read/detect-format.ts';
export { checkUnchanged, stampFile } from './read/file-stamp.ts';
export { fileTime } from './read/read-file.ts';
export { KIND_NAMES, kindOf } from './read/kind-names.ts';
export {
  FILE_FORMATS,
  NAN_MEANINGS,
  type FileFormat,
  type NanMeaning,
  type ReadSettings,
} from './read/read-settings.ts';
export type { FileFault } from './read/record-sink.ts';
export { TIME_UNITS, type TimeUnit } from './read/sample-time.ts';
export type { FileScan } from './scan/file-scan.ts';
export { scanFile, type FileSending } from './scan/scan-file.ts';
export {
  noProgress,
  progressPath,
  readProgress,
  writeProgress,
  type BackfillProgress,
} from './send/backfill-progress.ts';
export type { BackfillTarget, RejectedCount, SentAnswer } from './send/backfill-target.ts';
export { sendFile, type SendSettings } from './send/send-file.ts';
export { OTHER_TENANT_SERIES_MAX, REQUEST_DEFAULTS } from './stretch/stretch-requests.ts';
export { STRETCH_DEFAULTS } from './stretch/stretch.ts';
