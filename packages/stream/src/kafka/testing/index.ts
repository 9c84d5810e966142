export { compressionNames, type CompressionName } from '../client/compression.ts';
export { crc32c } from '../produce/crc32c.ts';
export { startKafkaBroker, type KafkaBroker } from './kafka-broker.ts';
export type { KafkaNode } from './kafka-node.ts';
export { makeTestTopics, type TestTopics } from './test-topics.ts';
export { readFetched } from '../client/protocol.ts';
export { AT, BATCH_HEADER_BYTES, encodeBatch, LENGTH_END } from '../produce/record-batch.ts';
export { measureRecordSet, RecordSet, RecordSetError } from '../read/record-set.ts';
export { WireError, WireWriter, writeInt64 } from '../client/wire-bytes.ts';
