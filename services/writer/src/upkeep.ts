import { compareAddress } from '@millrace/model';
import { errorKind, type Clock } from '@millrace/runtime';
import type { Store } from '@millrace/store';
import { TOPIC_SERIES, type PartitionBounds, type Stream } from '@millrace/stream';
import type { WriterEvents } from './events.ts';
import type { AppliedOfJob, PartitionProgress } from './partition-progress.ts';
import type { WriterSettings } from './settings.ts';

export interface UpkeepContext {
  stream: Stream;
  store: Store;
  clock: Clock;
  events: WriterEvents;
  settings: WriterSettings;
  signal: AbortSignal;
}

/** Looks at the ends of the partitions it is given each time, for the lag, until the stage stops. */
export async function observe(
  context: UpkeepContext,
  progresses: () => readonly PartitionProgress[],
): Promise<void> {
  const { stream, clock, events, settings } = context;
  await repeatedly(context, settings.observeMs, events.observeFailed, async () => {
    for (const progress of progresses()) {
      const { partition } = progress;
      const { start, end } = await boundsOf(stream, progress);
      // Lost meanwhile: what is shown of it is its new owner's business.
      if (!progresses().includes(progress)) continue;
      progress.endOffset = end;
      const lagMs = progress.lagMs(clock.nowUs());
      const behindRecords = end - (progress.position ?? start);
      events.observed(partition, { lagMs, behindRecords });
    }
  });
}

/** While all goes well the reader has just been told, and nobody need be asked. */
async function boundsOf(
  stream: Stream,
  { partition, state, position, readEnd }: PartitionProgress,
): Promise<PartitionBounds> {
  const end = state === 'running' && position !== undefined ? readEnd() : undefined;
  return end === undefined ? await stream.bounds(TOPIC_SERIES, partition) : { start: 0, end };
}

/**
 * Makes the store durable and lets the log forget what lies below. INVARIANT: the log is released
 * only up to positions that were applied before a flush began whose marks are not behind them:
 * a commit that a crash of the database takes back must find its records again. And it is sought
 * again at once: of a partition that stands still no record comes by which it would be noticed.
 */
export async function release(
  context: UpkeepContext,
  progresses: () => readonly PartitionProgress[],
): Promise<void> {
  const { stream, store, clock, events, settings } = context;
  await repeatedly(context, settings.releaseMs, events.releaseFailed, async () => {
    const startedUs = clock.nowUs();
    const applied = progresses().map((progress) => {
      return { progress, before: progress.applied, ofJobs: progress.appliedOfJobs };
    });
    const flushed = await store.flushedMarks();
    for (const { progress, before, ofJobs } of applied) {
      const { partition } = progress;
      await lookAfterJobs(store, progress, ofJobs);
      const now = flushed.get(partition);
      if (before === undefined || (now !== undefined && now.logId !== before.logId)) continue;
      // Marks only rise: one that is behind what was applied before was taken back by a crash.
      if (now === undefined || compareAddress(now.mark, before.mark) < 0) progress.takenBack();
      else if (before.position !== undefined) {
        await stream.release(TOPIC_SERIES, partition, before.position);
      }
    }
    events.released((clock.nowUs() - startedUs) / 1e6);
  });
}

/**
 * A crash may take back the last batch of a job and nothing of the live source; and of a job that
 * is over no record comes by which it would be noticed.
 */
async function lookAfterJobs(
  store: Store,
  progress: PartitionProgress,
  ofJobs: ReadonlyMap<string, AppliedOfJob>,
): Promise<void> {
  if (ofJobs.size === 0) return;
  const marks = await store.marks(progress.partition);
  for (const [source, before] of ofJobs) {
    const now = marks.get(source);
    const isOfOtherLog = now !== undefined && now.logId !== before.logId;
    if (isOfOtherLog || (now !== undefined && compareAddress(now.mark, before.mark) >= 0)) {
      progress.flushedOfJob(source, before);
    } else progress.takenBack();
  }
}

/** What fails now may work the next time; only a defect ends it. */
async function repeatedly(
  context: UpkeepContext,
  everyMs: number,
  onFailure: (error: unknown) => void,
  act: () => Promise<void>,
): Promise<void> {
  const { clock, signal } = context;
  while (!signal.aborted) {
    try {
      await clock.sleep(everyMs, signal);
      await act();
    } catch (error) {
      if (signal.aborted && errorKind(error) === 'aborted') return;
      if (errorKind(error) === 'defect') throw error;
      onFailure(error);
    }
  }
}
