import {
  newestFirst,
  readCheckpoint,
  whyUnusable,
  type PlacedManifest,
} from '@millrace/checkpoint';
import { errorKind } from '@millrace/runtime';
import { TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { STATE_VERSIONS_READ } from '@millrace/transformer';
import { loadMemory, type LoadedState } from '@millrace/transformer/fold';
import { decodeEventsRecord, EventsRecordKind } from '@millrace/wire';
import { KnownBefore } from './known-before.ts';
import { readEvents } from './read-events.ts';

/** Where reading may begin. */
export interface PartitionStart {
  position: number;
  /** No sample of the windows came before it. */
  isEarly: boolean;
  /** Anew for each reading. */
  load(): Promise<KnownBefore>;
}

/** Where in one partition samples of some windows are looked for. */
export interface PartitionPlace {
  stream: Stream;
  partition: number;
  logId: string;
  logNumber: number;
  /** The first record that is held. */
  start: number;
  logWaitMsMax: number;
  signal?: AbortSignal | undefined;
}

/** Samples without a time of their own get the next one that is free: a little later. */
const FREE_TIME_US = 1_000_000;

/**
 * From where on windows of which all samples came can be computed: the oldest usable checkpoint, or
 * the beginning of the log. Infinity: from nowhere.
 */
export async function oldestStart(place: PartitionPlace): Promise<number> {
  if (place.start === 0) return 0;
  let oldest = Infinity;
  for await (const { manifest } of newestFirst(place)) {
    const { logId, position } = manifest;
    if (logId !== place.logId || position >= oldest) continue;
    if ((await whyUnusable(place, manifest, STATE_VERSIONS_READ)) === undefined) oldest = position;
  }
  return oldest;
}

/**
 * Where to begin, the latest first: the newest usable checkpoint at or before `firstOffset`, where
 * the first piece of the windows was opened; then one that had seen no sample as late as `fromUs`,
 * where they begin; then the beginning of the log, if it is all there.
 */
export async function* partitionStarts(
  place: PartitionPlace,
  { firstOffset, fromUs }: Readonly<{ firstOffset: number; fromUs: number }>,
): AsyncGenerator<PartitionStart> {
  let isFirst = true;
  for await (const placed of newestFirst(place)) {
    const { logId, position, partitionTimeUs } = placed.manifest;
    if (logId !== place.logId || position > firstOffset) continue;
    // Most likely it has samples that are as late: reading all of it may be saved.
    if (!isFirst && partitionTimeUs > fromUs) continue;
    const start = await startAt(place, placed, fromUs);
    if (start === undefined || (!isFirst && !start.isEarly)) continue;
    yield start;
    if (start.isEarly) break;
    isFirst = false;
  }
  if (place.start === 0) yield await beginningOf(place);
}

/** Undefined: it is of no use; an older one may be. */
async function startAt(
  place: PartitionPlace,
  placed: PlacedManifest,
  fromUs: number,
): Promise<PartitionStart | undefined> {
  const { manifest } = placed;
  if ((await whyUnusable(place, manifest, STATE_VERSIONS_READ)) !== undefined) return undefined;
  const load = async (): Promise<LoadedState> =>
    loadMemory(await readCheckpoint(place, placed), (barrier) => barrier);
  try {
    const { head } = await load();
    const isEarly = head.largestTimeUs + FREE_TIME_US <= fromUs;
    return {
      position: manifest.position,
      isEarly,
      load: async () => {
        const { head: at, tables } = await load();
        return new KnownBefore(tables, { floorUs: at.partitionFloorUs, isEarly });
      },
    };
  } catch (error) {
    if (errorKind(error) !== 'permanent') throw error;
    return undefined;
  }
}

async function beginningOf(place: PartitionPlace): Promise<PartitionStart> {
  // Of the first log nothing came before; another one has taken over from those before it.
  const floorUs = place.logNumber === 1 ? -Infinity : await otherLogsEndUs(place);
  const isEarly = true;
  const load = (): Promise<KnownBefore> =>
    Promise.resolve(new KnownBefore(undefined, { floorUs, isEarly }));
  return { position: 0, isEarly, load };
}

/** What the logs before have arrived before this one began; so far ahead a sample may have been. */
async function otherLogsEndUs(place: PartitionPlace): Promise<number> {
  for await (const { payload, appendTimeUs } of readEvents(place, 0, Infinity)) {
    const record = decodeEventsRecord(payload);
    if (record.kind === EventsRecordKind.barrier) {
      return appendTimeUs + record.settings.futureSkewUs;
    }
  }
  return Infinity;
}

/** The log's own id, where its first record is there. */
export async function logIdAt(
  place: Omit<PartitionPlace, 'logId' | 'logNumber'>,
): Promise<string | undefined> {
  if (place.start > 0) return undefined;
  const { end } = await place.stream.bounds(TOPIC_EVENTS, place.partition);
  for await (const { payload } of readEvents(place, 0, Math.min(1, end))) {
    const record = decodeEventsRecord(payload);
    return record.kind === EventsRecordKind.log ? record.logId : undefined;
  }
  return undefined;
}
