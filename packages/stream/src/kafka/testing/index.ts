export { compressionNames, type CompressionName } from '../compression.ts';
export { crc32c } from '../crc32c.ts';
export { startKafkaBroker, type KafkaBroker } from './kafka-broker.ts';
export type { KafkaNode } from './kafka-node.ts';
export { makeTestTopics, type TestTopics } from './test-topics.ts';
export { readFetched } from '../protocol.ts';
export { AT, BATCH_HEADER_BYTES, encodeBatch, LENGTH_END } from '../record-batch.ts';
export { measureRecordSet, RecordSet, RecordSetError } from '../record-set.ts';
export { WireError, WireWriter, writeInt64 } from '../wire-bytes.ts';
