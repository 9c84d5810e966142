export { partitionName, STREAM_CODES, StreamError, type StreamCode } from './stream-error.ts';
export { DEFAULT_STREAM_SETTINGS, type StreamSettings } from './stream-settings.ts';
export {
  TOPIC_EVENTS,
  TOPIC_SERIES,
  type AppendResult,
  type PartitionBounds,
  type PartitionReader,
  type Producer,
  type Stream,
  type StreamRecord,
  type Topic,
} from './stream.ts';
