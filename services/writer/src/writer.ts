import {
  OwnedPartitions,
  settlesWithin,
  Turns,
  type Clock,
  type Log,
  type Meter,
  type PartitionedStage,
  type StageStatus,
} from '@millrace/runtime';
import type { Store } from '@millrace/store';
import type { Stream } from '@millrace/stream';
import { createWriterEvents } from './events.ts';
import { PartitionLoop } from './partition-loop.ts';
import type { PartitionProgress } from './partition-progress.ts';
import type { StoredMarks } from './partition-writer.ts';
import { SampleRooms } from './sample-room.ts';
import { writerSettings, type WriterSettings } from './settings.ts';
import { StoreReturn } from './store-return.ts';
import { observe, release } from './upkeep.ts';

export interface WriterComponents {
  stream: Stream;
  store: Store;
  clock: Clock;
  log: Log;
  meter: Meter;
  /** Told of every commit. */
  marks?: StoredMarks;
}

/**
 * The stage that brings `metrics.series` into the store, every entry once: what was applied is
 * exactly what lies below the store's mark, which moves in the same transaction. So it needs no
 * memory of its own, and any number of writers may work on one store.
 *
 * `partitions`: those to write at first; all of the log when left out.
 */
export function createWriter(
  components: WriterComponents,
  changes: Partial<WriterSettings> & Readonly<{ partitions?: readonly number[] }> = {},
): PartitionedStage {
  const { partitions: chosen, ...bounds } = changes;
  const settings = writerSettings(bounds);
  const { stream, clock } = components;
  const { stopMsMax, lookForStoreMs: lookMs } = settings;
  const events = createWriterEvents(components.log, components.meter);
  const largeBatches = new Turns(settings.largeBatchesMax);
  const rooms = new SampleRooms(settings.batchEntriesMax);
  const storeReturn = new StoreReturn({ clock, lookMs, onLook: (is) => events.looked(is) });
  const shared = { largeBatches, collecting: new Turns(1), rooms, storeReturn };
  const context = { ...components, settings, events, ...shared };
  const owned: OwnedPartitions<PartitionLoop> = new OwnedPartitions(
    {
      clock,
      letGoMsMax: stopMsMax,
      create: (partition) => new PartitionLoop(partition, context),
      onGivenUp: (partition) => events.gaveUpWaiting(partition, stopMsMax),
    },
    chosen ?? Array.from({ length: stream.partitions }, (_, i) => i),
  );
  const progresses = (): PartitionProgress[] => owned.tasks.map(({ progress }) => progress);
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  let giveUp = (): void => undefined;
  const givenUp = new Promise<void>((resolve) => (giveUp = resolve));

  const run = async (): Promise<void> => {
    events.started(owned.statuses.length);
    const upkeep = { ...context, signal: stopping.signal };
    const loops = [owned.run(), observe(upkeep, progresses), release(upkeep, progresses)];
    for (const loop of loops) loop.catch(end);
    await Promise.race([settled(loops), givenUp]);
    events.stopped();
  };
  const end = (): Promise<void> => {
    stopping.abort();
    return owned.stop();
  };
  return {
    run: () => (running ??= run()),
    own: (partitions) => owned.own(partitions),
    stop: async () => {
      if (!stopping.signal.aborted) events.stopping();
      const ended = Promise.all([end(), running]);
      // A flush of the store may hang as well, and nothing depends on it.
      if (!(await settlesWithin(clock, stopMsMax, ended))) giveUp();
      await owned.stop();
    },
    status: (): StageStatus => {
      const { statuses: partitions } = owned;
      const ready = partitions.every(({ state }) => state === 'running');
      return { stage: 'writer', ready, partitions };
    },
  };
}

/** Resolves when all have ended; then rejects with the first error of any. */
async function settled(loops: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(loops);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
