import type { Clock } from '@millrace/runtime';
import { TOPIC_EVENTS, type Producer } from '@millrace/stream';
import { encodeEventsRecord, EventsRecordKind, type BarrierRecord } from '@millrace/wire';
import type { RulesVersion } from './rules-history.ts';

/** What tells a partition of P = `partitions` that this version is in force from there on. */
export function barrierOf(version: RulesVersion, partitions: number): BarrierRecord {
  const { number, after, foldVersion, settings, rules, candidates } = version;
  const record: BarrierRecord = {
    kind: EventsRecordKind.barrier,
    number,
    after,
    foldVersion,
    settings,
    rules,
    partitions,
  };
  if (candidates.length === 0) return record;
  return {
    ...record,
    candidates: candidates.map((one) => ({ number: one.number, rules: one.rules })),
  };
}

/** The same where nothing came before: it can begin a log, whatever versions there have been. */
export function firstBarrierOf(version: RulesVersion, partitions: number): BarrierRecord {
  return { ...barrierOf(version, partitions), after: 0 };
}

export interface BarrierParts {
  producer: Producer;
  clock: Clock;
  /** P of the log. */
  partitions: number;
}

/**
 * Appends it, behind a tick: an edition ends at a time of its partition, and that of one that was
 * idle without an owner may lie hours back. Resolves with its offset when it is durable.
 */
export async function appendBarrier(
  { producer, clock, partitions }: BarrierParts,
  partition: number,
  version: RulesVersion,
): Promise<number> {
  const tick = { kind: EventsRecordKind.tick, receivedAtUs: clock.nowUs() } as const;
  const barrier = encodeEventsRecord(barrierOf(version, partitions));
  const [, { offset }] = await Promise.all([
    producer.append(TOPIC_EVENTS, partition, encodeEventsRecord(tick)),
    producer.append(TOPIC_EVENTS, partition, barrier),
  ]);
  return offset;
}
