import { errorText, MillraceError, silentLog, systemClock } from '@millrace/runtime';
import { openRedisStateStore } from '@millrace/state/redis';
import { readLastCompletion, type LastCompletion } from '@millrace/store/postgres';
import { createTimescaleStore, describeConnection } from '@millrace/store/timescale';
import { readRecord, TOPIC_EVENTS, type PartitionBounds, type Stream } from '@millrace/stream';
import { kafkaConnectionOf, openKafkaStream } from '@millrace/stream/kafka';
import { LIVE_SOURCE } from '@millrace/wire';
import type { DistributedSettings } from './distributed-settings.ts';

/** How far a stage is with the events of one partition. */
export interface StageLook {
  /** Everything below it is done for good. */
  position: number;
  behindRecords: number;
  /** Age of the oldest event that is not done. */
  lagMs: number;
}

export interface PartitionLook {
  partition: number;
  /** Of `metrics.events`. */
  start: number;
  end: number;
  /** Undefined: it cannot be asked, or has nothing of this partition yet. */
  folded: StageLook | undefined;
  stored: StageLook | undefined;
}

/** An installation as Kafka, Redis and the database tell of it. */
export interface DistributedLook {
  brokers: string;
  topicPrefix: string;
  partitions: PartitionLook[];
  /** How marked windows were completed last; undefined: they never were, or nobody knows. */
  completion?: LastCompletion | undefined;
  /** What could not be asked, and why: by `state` or `store`. */
  unanswered: { what: 'state' | 'store'; where: string; code: string; message: string }[];
}

const NAME = 'millrace-cli';
/** Somebody waits at the terminal. */
const OPEN_MS = 5000;

type Positions = ReadonlyMap<number, number>;

/** @throws MillraceError when the log cannot be asked; what else cannot is told in the answer. */
export async function lookAtDistributed(settings: DistributedSettings): Promise<DistributedLook> {
  const { kafka } = settings;
  const { topicPrefix, brokers } = kafka;
  const stream = await openKafkaStream({
    connection: kafkaConnectionOf(kafka, NAME),
    topicPrefix,
    clock: systemClock,
    log: silentLog,
    settings: { openMs: OPEN_MS },
  });
  try {
    const unanswered: DistributedLook['unanswered'] = [];
    const [folded, { stored, completion }] = await Promise.all([
      askState(settings, stream.partitions, unanswered),
      askStore(settings, stream.partitions, unanswered),
    ]);
    const looks = Array.from({ length: stream.partitions }, async (_, partition) => {
      const bounds = await stream.bounds(TOPIC_EVENTS, partition);
      const at = { stream, partition, bounds };
      return {
        partition,
        ...bounds,
        folded: await stageLook(at, folded.get(partition)),
        stored: await stageLook(at, stored.get(partition)),
      };
    });
    const found = await Promise.all(looks);
    return { brokers, topicPrefix, partitions: found, completion, unanswered };
  } finally {
    await stream.close();
  }
}

async function askState(
  { redis }: DistributedSettings,
  partitions: number,
  unanswered: DistributedLook['unanswered'],
): Promise<Positions> {
  const { url, keyPrefix } = redis;
  if (url === undefined) return new Map();
  const state = openRedisStateStore({ url, keyPrefix });
  try {
    return await positionsOf(partitions, async (partition) => {
      return (await state.readPosition(partition))?.position;
    });
  } catch (error) {
    unanswered.push({ what: 'state', where: new URL(url).host, ...reasonOf(error) });
    return new Map();
  } finally {
    await state.close();
  }
}

async function askStore(
  { store: { url } }: DistributedSettings,
  partitions: number,
  unanswered: DistributedLook['unanswered'],
): Promise<{ stored: Positions; completion?: LastCompletion | undefined }> {
  if (url === undefined) return { stored: new Map() };
  const store = createTimescaleStore({ connection: { url }, log: silentLog });
  try {
    const stored = await positionsOf(partitions, async (partition) => {
      return (await store.marks(partition)).get(LIVE_SOURCE)?.mark.offset;
    });
    return { stored, completion: await readLastCompletion({ url }) };
  } catch (error) {
    unanswered.push({ what: 'store', where: describeConnection({ url }), ...reasonOf(error) });
    return { stored: new Map() };
  } finally {
    await store.close();
  }
}

async function positionsOf(
  partitions: number,
  ask: (partition: number) => Promise<number | undefined>,
): Promise<Positions> {
  const asked = Array.from({ length: partitions }, async (_, partition) => {
    return [partition, await ask(partition)] as const;
  });
  const found = new Map<number, number>();
  for (const [partition, position] of await Promise.all(asked)) {
    if (position !== undefined) found.set(partition, position);
  }
  return found;
}

async function stageLook(
  at: Readonly<{ stream: Stream; partition: number; bounds: PartitionBounds }>,
  position: number | undefined,
): Promise<StageLook | undefined> {
  if (position === undefined) return undefined;
  const { end, start } = at.bounds;
  const behindRecords = Math.max(0, end - position);
  const lagMs = behindRecords === 0 ? 0 : await ageMs(at, Math.max(position, start));
  return { position, behindRecords, lagMs };
}

/** Of the record at an offset. */
async function ageMs(
  { stream, partition }: Readonly<{ stream: Stream; partition: number }>,
  offset: number,
): Promise<number> {
  const at = { topic: TOPIC_EVENTS, partition, offset, waitMsMax: OPEN_MS } as const;
  const record = await readRecord(stream, at);
  if (record === undefined) return 0;
  return Math.max(0, Math.round((systemClock.nowUs() - record.appendTimeUs) / 1000));
}

function reasonOf(error: unknown): { code: string; message: string } {
  if (error instanceof MillraceError) return { code: error.code, message: error.message };
  return { code: 'UNKNOWN', message: errorText(error) };
}
