export { startKafkaBroker, type KafkaBroker } from './kafka-broker.ts';
export type { KafkaNode } from './kafka-node.ts';
export { makeTestTopics, type TestTopics } from './test-topics.ts';
