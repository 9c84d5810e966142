import type { BrokerLink, LinkRequest } from '../client/broker-link.ts';
import { KafkaAnswerError } from '../client/kafka-errors.ts';
import { requests } from '../client/kafkajs-internals.ts';
import { KafkaCode } from '../client/protocol.ts';
import { WireReader, WireWriter } from '../client/wire-bytes.ts';

/** What a partition can be asked for; else a time in milliseconds: the first record not before. */
export const EARLIEST = -2;
export const LATEST = -1;

/** A partition, and the epoch in which the broker is to lead it. */
export type LedPartition = Readonly<{ partition: number; leaderEpoch: number }>;

/** The offsets of some partitions of one topic that the broker leads, by partition; -1 for none. */
export async function listOffsets(
  link: Pick<BrokerLink, 'send'>,
  params: Readonly<{
    topic: string;
    partitions: readonly LedPartition[];
    at: number;
    msMax: number;
  }>,
): Promise<ReadonlyMap<number, number>> {
  const answer = await link.send(offsetsRequest(params), params.msMax);
  const found = readOffsets(new WireReader(answer));
  const failed = found.find(({ error }) => error !== KafkaCode.none);
  if (failed !== undefined) throw new KafkaAnswerError(failed.error);
  return new Map(found.map(({ partition, offset }) => [partition, offset]));
}

/** In the version from which on it says in which epoch the broker is to lead: kafkajs's is older. */
function offsetsRequest({
  topic,
  partitions,
  at,
}: Readonly<{ topic: string; partitions: readonly LedPartition[]; at: number }>): LinkRequest {
  const consumer = -1;
  const uncommitted = 0;
  const body = new WireWriter().int32(consumer).int8(uncommitted).int32(1).string(topic);
  body.int32(partitions.length);
  for (const { partition, leaderEpoch } of partitions) {
    body.int32(partition).int32(leaderEpoch).int64(at);
  }
  return {
    ...{ apiKey: 2, apiVersion: 4, apiName: 'ListOffsets', isFlexible: false },
    body: [body.bytes],
  };
}

function readOffsets(
  reader: WireReader,
): readonly Readonly<{ partition: number; error: number; offset: number }>[] {
  reader.int32();
  const topics = reader.array(() => {
    reader.string();
    return reader.array(() => {
      const partition = reader.int32();
      const error = reader.int16();
      reader.int64();
      const offset = reader.int64();
      reader.int32();
      return { partition, error, offset };
    });
  });
  return topics.flat();
}

/** Lets the broker forget what lies below the offset. */
export async function deleteRecords(
  link: BrokerLink,
  params: Readonly<{ topic: string; partition: number; before: number; msMax: number }>,
): Promise<void> {
  const { topic, partition, before, msMax } = params;
  const asked = requests.DeleteRecords.protocol({ version: 1 })({
    topics: [{ topic, partitions: [{ partition, offset: `${before}` }] }],
    timeout: msMax,
  });
  await link.ask(asked, msMax);
}
