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
