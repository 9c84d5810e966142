import type { BrokerLink } from './broker-link.ts';
import { requests } from './kafkajs-internals.ts';

/** What a partition can be asked for; else a time in milliseconds: the first record not before. */
export const EARLIEST = -2;
export const LATEST = -1;
const UNCOMMITTED = 0;

/** The offsets of some partitions of one topic that the broker leads, by partition; -1 for none. */
export async function listOffsets(
  link: BrokerLink,
  params: Readonly<{ topic: string; partitions: readonly number[]; at: number; msMax: number }>,
): Promise<ReadonlyMap<number, number>> {
  const { topic, partitions, at, msMax } = params;
  const asked = requests.ListOffsets.protocol({ version: 3 })({
    isolationLevel: UNCOMMITTED,
    topics: [
      { topic, partitions: partitions.map((partition) => ({ partition, timestamp: `${at}` })) },
    ],
  });
  const { responses } = await link.ask(asked, msMax);
  const found = responses.flatMap((response) => response.partitions);
  return new Map(found.map(({ partition, offset }) => [partition, Number(offset)]));
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
