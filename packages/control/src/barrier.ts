import { TOPIC_EVENTS, type Producer } from '@millrace/stream';
import { encodeEventsRecord, EventsRecordKind, type BarrierRecord } from '@millrace/wire';
import type { RulesVersion } from './rules-history.ts';

/** What tells a partition of P = `partitions` that this version is in force from there on. */
export function barrierOf(version: RulesVersion, partitions: number): BarrierRecord {
  const { number, after, foldVersion, settings, rules } = version;
  return {
    kind: EventsRecordKind.barrier,
    number,
    after,
    foldVersion,
    settings,
    rules,
    partitions,
  };
}

/** The same where nothing came before: it can begin a log, whatever versions there have been. */
export function firstBarrierOf(version: RulesVersion, partitions: number): BarrierRecord {
  return { ...barrierOf(version, partitions), after: 0 };
}

/** Appends it; resolves with its offset when it is durable. */
export async function appendBarrier(
  producer: Producer,
  partitions: number,
  partition: number,
  version: RulesVersion,
): Promise<number> {
  const payload = encodeEventsRecord(barrierOf(version, partitions));
  const { offset } = await producer.append(TOPIC_EVENTS, partition, payload);
  return offset;
}
