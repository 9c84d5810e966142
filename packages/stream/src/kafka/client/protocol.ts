import type { LinkRequest } from './broker-link.ts';
import { WireReader, WireWriter } from './wire-bytes.ts';

/*
 * The requests that kafkajs has in no version we need: metadata and fetch that name topics by
 * their id, so that a topic that was deleted and made again is noticed. Produce is in
 * produce-request.ts.
 */

/** Error codes of Kafka that decide what happens next. */
export const KafkaCode = {
  none: 0,
  offsetOutOfRange: 1,
  corruptMessage: 2,
  unknownTopic: 3,
  leaderNotAvailable: 5,
  notLeader: 6,
  requestTimedOut: 7,
  messageTooLarge: 10,
  recordListTooLarge: 18,
  notEnoughReplicas: 19,
  topicAuthorizationFailed: 29,
  outOfOrderSequence: 45,
  duplicateSequence: 46,
  invalidProducerEpoch: 47,
  invalidProducerIdMapping: 49,
  unknownProducerId: 59,
  fencedLeaderEpoch: 74,
  producerFenced: 90,
  unknownTopicId: 100,
  inconsistentTopicId: 103,
} as const;

export interface ClusterMetadata {
  readonly nodes: ReadonlyMap<number, Readonly<{ host: string; port: number }>>;
  readonly topics: ReadonlyMap<string, TopicMetadata>;
}

export interface TopicMetadata {
  /** Of Kafka; nothing but 0 means that there are partitions. */
  readonly error: number;
  /** Another one after the topic was deleted and made again. */
  readonly id: string;
  /** The leading node of each partition, -1 for none now. */
  readonly leaders: readonly number[];
  /** How often each partition has changed its leader. */
  readonly leaderEpochs: readonly number[];
  /** Copies of its first partition. */
  readonly replicas: number;
}

const NO_ID = '0'.repeat(32);

export function metadataRequest(topics: readonly string[]): LinkRequest {
  const body = new WireWriter().uvarint(topics.length + 1);
  for (const topic of topics) body.uuid(NO_ID).compactString(topic).uvarint(0);
  // No automatic creation, no list of allowed operations.
  body.int8(0).int8(0).uvarint(0);
  return {
    ...{ apiKey: 3, apiVersion: 12, apiName: 'Metadata', isFlexible: true },
    body: [body.bytes],
  };
}

export function readMetadata(answer: Buffer): ClusterMetadata {
  const reader = new WireReader(answer);
  reader.endStructure();
  reader.int32();
  const nodes = reader.compactArray(() => {
    const node = [reader.int32(), { host: reader.compactString(), port: reader.int32() }] as const;
    reader.compactString();
    reader.endStructure();
    return node;
  });
  reader.compactString();
  reader.int32();
  const topics = reader.compactArray(() => readTopic(reader));
  return { nodes: new Map(nodes), topics: new Map(topics) };
}

function readTopic(reader: WireReader): [string, TopicMetadata] {
  const error = reader.int16();
  const name = reader.compactString();
  const id = reader.uuid();
  reader.int8();
  const leaders: number[] = [];
  const leaderEpochs: number[] = [];
  let replicas = 0;
  reader.compactArray(() => {
    reader.int16();
    const partition = reader.int32();
    leaders[partition] = reader.int32();
    leaderEpochs[partition] = reader.int32();
    const copies = reader.compactArray(() => reader.int32());
    if (partition === 0) replicas = copies.length;
    reader.compactArray(() => reader.int32());
    reader.compactArray(() => reader.int32());
    reader.endStructure();
  });
  reader.int32();
  reader.endStructure();
  return [name, { error, id, leaders, leaderEpochs, replicas }];
}

export interface FetchFrom {
  readonly topicId: string;
  readonly partition: number;
  readonly position: number;
  /** A broker that does not lead in this one refuses; -1: whoever thinks that it leads answers. */
  readonly leaderEpoch: number;
}

/** Each partition once. */
export function fetchRequest(
  params: Readonly<{
    from: readonly FetchFrom[];
    waitMs: number;
    bytesMax: number;
    partitionBytesMax: number;
  }>,
): LinkRequest {
  const { from, waitMs, bytesMax, partitionBytesMax } = params;
  const consumer = -1;
  const uncommitted = 0;
  const noSession = -1;
  const body = new WireWriter()
    .int32(consumer)
    .int32(waitMs)
    .int32(1)
    .int32(bytesMax)
    .int8(uncommitted)
    .int32(0)
    .int32(noSession);
  // A topic may come again with other partitions: so they keep the order they were given in.
  body.uvarint(from.length + 1);
  for (const { topicId, partition, position, leaderEpoch } of from) {
    body.uuid(topicId).uvarint(2);
    body
      .int32(partition)
      .int32(leaderEpoch)
      .int64(position)
      .int32(-1)
      .int64(-1)
      .int32(partitionBytesMax);
    body.uvarint(0).uvarint(0);
  }
  // No forgotten topics, no rack.
  body.uvarint(1).uvarint(1).uvarint(0);
  return {
    ...{ apiKey: 1, apiVersion: 13, apiName: 'Fetch', isFlexible: true },
    body: [body.bytes],
  };
}

export interface FetchedPartition {
  readonly topicId: string;
  readonly partition: number;
  readonly error: number;
  /** The next offset that every copy will have. */
  readonly end: number;
  readonly records: Buffer;
}

/** `error`: of the request as a whole. */
export function readFetched(answer: Buffer): {
  error: number;
  partitions: readonly FetchedPartition[];
} {
  const reader = new WireReader(answer);
  reader.endStructure();
  reader.int32();
  const error = reader.int16();
  reader.int32();
  const topics = reader.compactArray(() => {
    const topicId = reader.uuid();
    const partitions = reader.compactArray(() => readFetchedPartition(reader, topicId));
    reader.endStructure();
    return partitions;
  });
  return { error, partitions: topics.flat() };
}

function readFetchedPartition(reader: WireReader, topicId: string): FetchedPartition {
  const partition = reader.int32();
  const error = reader.int16();
  const end = reader.int64();
  reader.int64();
  reader.int64();
  // Aborted transactions.
  reader.compactArray(() => {
    reader.int64();
    reader.int64();
    reader.endStructure();
  });
  reader.int32();
  const records = reader.compactBytes();
  reader.endStructure();
  return { topicId, partition, error, end, records };
}
