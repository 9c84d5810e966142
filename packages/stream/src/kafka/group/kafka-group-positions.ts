import type { Log } from '@millrace/runtime';
import type { Admin } from 'kafkajs';
import { createKafkaClient } from '../client/kafka-client.ts';
import type { KafkaConnection } from '../client/kafka-settings.ts';

/** How far a group said that its partitions are. */
export interface GroupPositions {
  /** By partition; those of which nothing was said are missing. Rejects when it cannot be asked. */
  read(): Promise<ReadonlyMap<number, number>>;
  close(): Promise<void>;
}

const LIMITS = { connectMs: 2000, requestMs: 5000 };

/** Reads what `PartitionGroup.advise` told; connects when it is asked for the first time. */
export function openKafkaGroupPositions(
  components: Readonly<{ connection: KafkaConnection; log: Log }>,
  { groupId, topic }: Readonly<{ groupId: string; topic: string }>,
): GroupPositions {
  const kafka = createKafkaClient({ ...components, settings: LIMITS, retries: 1 });
  let opening: Promise<Admin> | undefined;
  const open = async (): Promise<Admin> => {
    const admin = kafka.admin();
    await admin.connect();
    return admin;
  };
  const close = async (): Promise<void> => {
    const known = opening;
    opening = undefined;
    const admin = await known?.catch(() => undefined);
    await admin?.disconnect();
  };
  return {
    read: async () => {
      try {
        const admin = await (opening ??= open());
        const told = await admin.fetchOffsets({ groupId, topics: [topic] });
        const offsets = told.flatMap(({ partitions }) => partitions);
        const known = offsets.map(({ partition, offset }) => [partition, Number(offset)] as const);
        return new Map(known.filter(([, offset]) => offset >= 0));
      } catch (error) {
        // Over a connection of its own the next time: this one may be what broke.
        await close();
        throw error;
      }
    },
    close,
  };
}
