export {
  CheckpointRetention,
  keptFrom,
  type ArchivedTo,
  type DonePosition,
} from './checkpoint-retention.ts';
export {
  checkpointDefinition,
  DEFAULT_CHECKPOINT_SETTINGS,
  type CheckpointSection,
} from './checkpoint-settings.ts';
export type { CheckpointOutcome } from './checkpoint-outcome.ts';
export { CHUNK_BYTES_MAX } from './chunk-pages.ts';
export {
  CheckpointScan,
  type ScannedCheckpoint,
  type UnfinishedCheckpoint,
} from './checkpoint-scan.ts';
export {
  makeCheckpoint,
  type CheckpointSources,
  type DescribeState,
  type MadeCheckpoint,
  type StateDescription,
} from './make-checkpoint.ts';
export { newestFirst } from './newest-first.ts';
export { manifestFault, readCheckpoint, type PlacedManifest } from './read-checkpoint.ts';
export type { CheckpointPlace } from './read-range.ts';
export { findRestorePoint, type PassedOver, type RestorePoint } from './restore-point.ts';
export { readEvent, recordDigest, whyUnusable } from './usable-checkpoint.ts';
