import { readHistory, type RulesVersion } from '@millrace/control';
import { readRecords, TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { decodeEventsRecord, EventsRecordKind } from '@millrace/wire';
import type { PartitionPlan } from '../plan.ts';
import type { RulesSource } from './rules-in-force.ts';

/**
 * The rules in force before the first record that a log still holds: those that its first barrier
 * follows, or the newest ones where it holds none. `metrics.control` forgets nothing.
 */
export async function rulesBefore(
  stream: Stream,
  plan: PartitionPlan,
  waitMsMax: number,
): Promise<RulesSource | undefined> {
  if (plan.start === 0) return undefined;
  const { versions, newest } = await readHistory(stream);
  const after = await firstBarrierAfter(stream, plan, waitMsMax);
  const before = after === undefined ? newest : versions.find(({ number }) => number === after);
  return before === undefined ? undefined : sourceOf(before);
}

function sourceOf({ number, after, foldVersion, settings, rules }: RulesVersion): RulesSource {
  return { number, after, foldVersion, settings, rules };
}

/** Which version the first barrier follows; undefined: there is no barrier. */
async function firstBarrierAfter(
  stream: Stream,
  { partition, start, mark }: PartitionPlan,
  waitMsMax: number,
): Promise<number | undefined> {
  const range = {
    topic: TOPIC_EVENTS,
    partition,
    from: start,
    to: mark.offset,
    waitMsMax,
  } as const;
  for await (const { payload } of readRecords(stream, range)) {
    const record = decodeEventsRecord(payload);
    if (record.kind === EventsRecordKind.barrier) return record.after;
  }
  return undefined;
}
