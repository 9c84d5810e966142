import { openControl, type RulesVersion } from '@millrace/control';
import { parseRules } from '@millrace/rules';
import { systemClock } from '@millrace/runtime';
import { TOPIC_EVENTS, type Stream } from '@millrace/stream';
import {
  DEFAULT_FOLD_SETTINGS,
  decodeEventsRecord,
  EventsRecordKind,
  type BarrierRecord,
} from '@millrace/wire';

/** Brings the first version of the rules into a log, as whoever starts it does. */
export async function beginRules(
  stream: Stream,
  source = '',
  foldVersion = 1,
): Promise<RulesVersion> {
  const parsed = parseRules(source);
  if (!parsed.ok) throw new Error(parsed.problems[0]?.message);
  const first = {
    rules: parsed.compiled,
    settings: DEFAULT_FOLD_SETTINGS,
    foldVersion,
    source,
  };
  return (await openControl({ stream, clock: systemClock }, first)).inForce;
}

/** The barriers of every partition. */
export async function barriersOf(stream: Stream): Promise<BarrierRecord[][]> {
  const partitions = Array.from({ length: stream.partitions }, (_, partition) => partition);
  return await Promise.all(
    partitions.map(async (partition) => {
      const { end } = await stream.bounds(TOPIC_EVENTS, partition);
      const reader = stream.reader(TOPIC_EVENTS, partition, 0);
      const records = end === 0 ? [] : await reader.next({ bytesMax: 10_000_000, waitMs: 1000 });
      await reader.close();
      const decoded = records.map(({ payload }) => decodeEventsRecord(payload.slice()));
      return decoded.filter((record) => record.kind === EventsRecordKind.barrier);
    }),
  );
}
