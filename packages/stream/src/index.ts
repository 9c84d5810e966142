export { partitionName, STREAM_CODES, StreamError, type StreamCode } from './stream-error.ts';
export { DEFAULT_STREAM_SETTINGS, type StreamSettings } from './stream-settings.ts';
export { readRecord, readRecords, type WantedRecords } from './read-records.ts';
export {
  partitionsOf,
  TOPIC_CHECKPOINTS,
  TOPIC_CONTROL,
  TOPIC_EVENTS,
  TOPIC_SERIES,
  TOPICS,
  type AppendResult,
  type PartitionBounds,
  type PartitionReader,
  type Producer,
  type Stream,
  type StreamRecord,
  type Topic,
} from './stream.ts';
export type {
  OnAssigned,
  PartitionGroup,
  PartitionGroupSettings,
  PartitionGroupStatus,
} from './partition-group.ts';
export { createSharedStage, type SharedStage } from './group/shared-stage.ts';
