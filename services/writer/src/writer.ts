import { setMaxListeners } from 'node:events';
import {
  createBackoff,
  errorKind,
  type Clock,
  type Log,
  type Meter,
  type Stage,
  type StageStatus,
} from '@millrace/runtime';
import type { Store } from '@millrace/store';
import type { Stream } from '@millrace/stream';
import { createWriterEvents } from './events.ts';
import { PartitionProgress } from './partition-progress.ts';
import { isPassing, PartitionWriter, type StoredMarks } from './partition-writer.ts';
import { writerSettings, type WriterSettings } from './settings.ts';
import { observe, release, type UpkeepContext } from './upkeep.ts';

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
 * `partitions`: those to write; all of the log when left out.
 */
export function createWriter(
  components: WriterComponents,
  changes: Partial<WriterSettings> & Readonly<{ partitions?: readonly number[] }> = {},
): Stage {
  const { partitions: chosen, ...bounds } = changes;
  const settings = writerSettings(bounds);
  const { stream, clock } = components;
  const partitions = chosen ?? Array.from({ length: stream.partitions }, (_, i) => i);
  const progresses = partitions.map((partition) => new PartitionProgress(partition));
  const events = createWriterEvents(components.log, components.meter);
  const stopping = new AbortController();
  // Every partition listens while it waits; Node takes more than ten listeners for a leak.
  setMaxListeners(2 * partitions.length + 10, stopping.signal);
  const context: Context = { ...components, settings, events, signal: stopping.signal };
  let giveUp = (): void => undefined;
  const givenUp = new Promise<void>((resolve) => (giveUp = resolve));
  let running: Promise<void> | undefined;

  const run = async (): Promise<void> => {
    events.started(partitions.length);
    const loops = [
      ...progresses.map((progress) => writePartition(context, progress)),
      observe(context, progresses),
      release(context, progresses),
    ];
    for (const loop of loops) loop.catch(() => stopping.abort());
    await Promise.race([settled(loops), givenUp]);
    events.stopped();
  };
  return {
    run: () => (running ??= run()),
    stop: async () => {
      if (!stopping.signal.aborted) events.stopping();
      stopping.abort();
      if (running === undefined || (await isOverWithin(settings.stopMsMax, clock, running))) return;
      events.gaveUpWaiting(settings.stopMsMax);
      giveUp();
    },
    status: (): StageStatus => {
      const nowUs = clock.nowUs();
      return {
        stage: 'writer',
        ready: progresses.every(({ state }) => state === 'running'),
        partitions: progresses.map((progress) => progress.status(nowUs)),
      };
    },
  };
}

type Context = UpkeepContext & Pick<WriterComponents, 'marks'>;

/** Fetch, mark, apply, commit: until the stage stops, or for a reason only a person can mend. */
async function writePartition(context: Context, progress: PartitionProgress): Promise<void> {
  const { clock, settings, events, signal } = context;
  const { partition } = progress;
  const writer = new PartitionWriter({ ...context, marks: context.marks, progress });
  const { retryMsMin: delayMsMin, retryMsMax: delayMsMax } = settings;
  const backoff = createBackoff({ clock }, { delayMsMin, delayMsMax });
  let outruns = 0;
  const writeFromMark = async (): Promise<void> => {
    await writer.begin();
    for (;;) {
      const batch = await writer.fetch();
      await writer.mark(batch);
      const { outcome } = await writer.apply(batch);
      if (outcome === 'outrun') return;
      writer.commit(batch);
      backoff.reset();
      outruns = 0;
    }
  };
  try {
    while (!signal.aborted) {
      try {
        await writeFromMark();
        outruns += 1;
        // Once is a rival that was faster. Again and again is not, and must not spin.
        if (outruns > 1) await backoff.wait(signal);
      } catch (error) {
        // After an error nobody knows what was applied; the mark does.
        if (!isPassing(error)) throw error;
        progress.waiting(error);
        events.retrying({ partition, error, delayMs: backoff.delayMs });
        await backoff.wait(signal);
      }
    }
    progress.stopped();
  } catch (error) {
    const isStopping = signal.aborted && errorKind(error) === 'aborted';
    progress.stopped(isStopping ? undefined : error);
    if (!isStopping) events.partitionStopped(partition, error);
    if (errorKind(error) === 'defect') throw error;
  } finally {
    await writer.close();
  }
}

/** Resolves when all have ended; then rejects with the first error of any. */
async function settled(loops: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(loops);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

/** Whether it ends, well or not, before so much time is over. */
async function isOverWithin(ms: number, clock: Clock, running: Promise<void>): Promise<boolean> {
  const over = new AbortController();
  const ended = running.then(
    () => true,
    () => true,
  );
  const late = clock.sleep(ms, over.signal).then(
    () => false,
    () => true,
  );
  const isOver = await Promise.race([ended, late]);
  over.abort();
  return isOver;
}
