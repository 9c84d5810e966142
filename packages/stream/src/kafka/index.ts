export { createKafkaClient } from './kafka-client.ts';
export {
  DEFAULT_KAFKA_PARTITIONS,
  DEFAULT_KAFKA_SETTINGS,
  parseBrokers,
  type KafkaConnection,
  type KafkaSasl,
  type KafkaSettings,
} from './kafka-settings.ts';
export type { CompressionName } from './compression.ts';
export { kafkaTopics } from './kafka-topics.ts';
export { openKafkaStream, type KafkaStreamParams } from './kafka-stream.ts';
export { setupKafkaTopics, type SetupTopicsParams, type TopicChange } from './setup-topics.ts';
export { kafkaConnectionOf, kafkaDefinition, type KafkaSection } from './kafka-definition.ts';
export {
  DEFAULT_KAFKA_GROUP_SETTINGS,
  type KafkaPartitionGroupSettings,
} from './kafka-group-settings.ts';
export { openKafkaGroupPositions, type GroupPositions } from './kafka-group-positions.ts';
export { kafkaGroups } from './kafka-groups.ts';
export { openKafkaPartitionGroup } from './kafka-partition-group.ts';
