import { PRODUCE_BY_ID, type LinkRequest } from '../client/broker-link.ts';
import { WireReader, WireWriter } from '../client/wire-bytes.ts';

/*
 * Produce, whose batches are encoded once and never copied again. Since Kafka 4.1 it says by id
 * which topic it means: of one that was deleted and made again nothing can get into the new one.
 * By name it can, in the moment before the id is looked at, and would lie where the new log has
 * to begin.
 */

/** The newest version that every broker has. */
const PRODUCE_BY_NAME = 7;

export interface ProduceBatch {
  /** Its name in Kafka. */
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly bytes: Buffer;
}

export interface ProducedBatch {
  /** As it was said: the id, or the name. */
  readonly topic: string;
  readonly partition: number;
  readonly error: number;
  readonly offset: number;
  /** -1: the topic's times are those of its producers. */
  readonly appendTimeMs: number;
}

type How = Readonly<{
  /** Whether the broker knows topics by id here (`PRODUCE_BY_ID`). */
  byId: boolean;
}>;

/** What names the topic of a batch in the request, and in the answer. */
export function producedTopic({ topic, topicId }: Omit<ProduceBatch, 'bytes'>, how: How): string {
  return how.byId ? topicId : topic;
}

/** `timeoutMs`: how long the broker waits for the copies. Each partition once. */
export function produceRequest(
  batches: readonly ProduceBatch[],
  how: How & Readonly<{ timeoutMs: number }>,
): LinkRequest {
  const byTopic = new Map<string, ProduceBatch[]>();
  for (const batch of batches) {
    const topic = producedTopic(batch, how);
    const others = byTopic.get(topic);
    if (others === undefined) byTopic.set(topic, [batch]);
    else others.push(batch);
  }
  const body = how.byId ? bodyById(byTopic, how.timeoutMs) : bodyByName(byTopic, how.timeoutMs);
  const apiVersion = how.byId ? PRODUCE_BY_ID : PRODUCE_BY_NAME;
  return { apiKey: 0, apiVersion, apiName: 'Produce', isFlexible: how.byId, body };
}

const ALL_COPIES = -1;

type ByTopic = ReadonlyMap<string, readonly ProduceBatch[]>;

function bodyByName(byTopic: ByTopic, timeoutMs: number): Uint8Array[] {
  const head = new WireWriter().int16(-1).int16(ALL_COPIES).int32(timeoutMs).int32(byTopic.size);
  const body: Uint8Array[] = [head.bytes];
  for (const [topic, ofTopic] of byTopic) {
    body.push(new WireWriter().string(topic).int32(ofTopic.length).bytes);
    for (const { partition, bytes } of ofTopic) {
      body.push(new WireWriter().int32(partition).int32(bytes.length).bytes, bytes);
    }
  }
  return body;
}

function bodyById(byTopic: ByTopic, timeoutMs: number): Uint8Array[] {
  // No transaction; every structure ends with its tagged fields, of which there are none.
  const head = new WireWriter().uvarint(0).int16(ALL_COPIES).int32(timeoutMs);
  const body: Uint8Array[] = [head.uvarint(byTopic.size + 1).bytes];
  for (const [topicId, ofTopic] of byTopic) {
    body.push(new WireWriter().uuid(topicId).uvarint(ofTopic.length + 1).bytes);
    for (const { partition, bytes } of ofTopic) {
      body.push(new WireWriter().int32(partition).uvarint(bytes.length + 1).bytes, bytes);
      body.push(END);
    }
    body.push(END);
  }
  body.push(END);
  return body;
}

const END = new WireWriter().uvarint(0).bytes;

export function readProduced(answer: Buffer, { byId }: How): readonly ProducedBatch[] {
  const reader = new WireReader(answer);
  return byId ? readById(reader) : readByName(reader);
}

function readByName(reader: WireReader): ProducedBatch[] {
  return reader
    .array(() => {
      const topic = reader.string();
      return reader.array(() => {
        const batch = readBatch(reader, topic);
        reader.int64();
        return batch;
      });
    })
    .flat();
}

function readById(reader: WireReader): ProducedBatch[] {
  reader.endStructure();
  return reader
    .compactArray(() => {
      const topic = reader.uuid();
      const batches = reader.compactArray(() => {
        const batch = readBatch(reader, topic);
        reader.int64();
        // Which records of the batch are to blame, and why.
        reader.compactArray(() => {
          reader.int32();
          reader.compactString();
          reader.endStructure();
        });
        reader.compactString();
        reader.endStructure();
        return batch;
      });
      reader.endStructure();
      return batches;
    })
    .flat();
}

function readBatch(reader: WireReader, topic: string): ProducedBatch {
  const partition = reader.int32();
  const error = reader.int16();
  const offset = reader.int64();
  const appendTimeMs = reader.int64();
  return { topic, partition, error, offset, appendTimeMs };
}
