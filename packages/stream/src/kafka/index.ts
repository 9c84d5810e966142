export { createKafkaClient } from './client/kafka-client.ts';
export {
  DEFAULT_KAFKA_PARTITIONS,
  DEFAULT_KAFKA_SETTINGS,
  parseBrokers,
  type KafkaConnection,
  type KafkaSasl,
  type KafkaSettings,
} from './client/kafka-settings.ts';
export type { CompressionName } from './client/compression.ts';
export { kafkaTopics } from './client/kafka-topics.ts';
export { openKafkaStream, type KafkaStreamParams } from './kafka-stream.ts';
export {
  setupKafkaTopics,
  type SetupTopicsParams,
  type TopicChange,
} from './topics/setup-topics.ts';
export { kafkaConnectionOf, kafkaDefinition, type KafkaSection } from './kafka-definition.ts';
export {
  DEFAULT_KAFKA_GROUP_SETTINGS,
  type KafkaPartitionGroupSettings,
} from './group/kafka-group-settings.ts';
export { openKafkaGroupPositions, type GroupPositions } from './group/kafka-group-positions.ts';
export { kafkaGroups } from './group/kafka-groups.ts';
export { openKafkaPartitionGroup } from './group/kafka-partition-group.ts';
