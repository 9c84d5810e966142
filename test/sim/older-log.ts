import { TOPIC_EVENTS } from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import { encodeEventsRecord, EventsRecordKind } from '@millrace/wire';
import { WRITER_CODES } from '@millrace/writer';
import { loseState } from './damaged-state.ts';
import { runOn, storeDigest } from './other-log.ts';
import { SIM_PARTITIONS } from './sim-plan.ts';
import type { SimWorld } from './sim-world.ts';

const SECOND_US = 1_000_000;
/** So many records are lost at most, and so many as often as not: the newest seconds. */
const LOST_MAX = 100;
const NEWEST = 3;
/** Of so many stores one has nobody who told it of events. */
const OF_BEFORE = 4;
/** Records that it takes before anybody looks: more than it lost. */
const MORE = 20;

/**
 * Somebody puts an older copy of the log in its place, and senders are quicker than the writer: by
 * the time it looks, what the store has of the log's end is there again under the same offsets, and
 * is something else. Whoever passed over that would lose what was acknowledged. So nothing may
 * change, and the writer has to say why.
 */
export async function checkOlderLog(world: SimWorld): Promise<string[]> {
  const { clock, database, store, partitions, random } = world;
  const log = new MemoryLog({ partitions: SIM_PARTITIONS, clock });
  const replaced = new Set<number>();
  for (const partition of partitions) {
    const mark = store.marks.find((one) => one.partition === partition && one.source === 'live');
    loseState(database.partition(partition));
    if (mark !== undefined && random.int(OF_BEFORE) === 0) delete mark.folded;
    // What is recognised: the event that was told last, or else what the ledger counts.
    const known = mark?.folded === undefined ? (mark?.position ?? 0) : mark.folded.offset + 1;
    if (known < 2) continue;
    // The beginning is in every copy: without it this would be another log.
    const lostMax = Math.min(known - 1, random.next() < 0.5 ? NEWEST : LOST_MAX);
    const end = known - 1 - random.int(lostMax);
    await copyUpTo(world, log, { partition, end });
    replaced.add(partition);
  }
  const before = storeDigest(store);
  const problems: string[] = [];
  const onDefect = (error: unknown): void => void problems.push(`older log: ${String(error)}`);
  const { written } = await runOn(world, log, onDefect);
  for (const { partition, state, reason } of written) {
    if (!replaced.has(partition)) continue;
    if (state !== 'stopped' || reason?.code !== WRITER_CODES.ahead) {
      problems.push(`partition ${partition} of an older log is ${state}: ${reason?.code}`);
    }
  }
  if (storeDigest(store) !== before) problems.push('an older log changed what is stored');
  return problems;
}

/** The events below `end`, and then more of them than were left out, each a second later. */
async function copyUpTo(
  { log: from, clock }: SimWorld,
  to: MemoryLog,
  { partition, end }: Readonly<{ partition: number; end: number }>,
): Promise<void> {
  const producer = openMemoryStream(to).producer();
  const records = from.records(TOPIC_EVENTS, partition);
  for (const { payload } of records.slice(0, end)) {
    await producer.append(TOPIC_EVENTS, partition, payload);
  }
  for (let i = end; i < records.length + MORE; i += 1) {
    clock.leap(SECOND_US);
    const tick = { kind: EventsRecordKind.tick, receivedAtUs: clock.nowUs() } as const;
    await producer.append(TOPIC_EVENTS, partition, encodeEventsRecord(tick));
  }
}
