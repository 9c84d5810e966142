import {
  OwnedPartitions,
  type Clock,
  type Log,
  type Meter,
  type PartitionedStage,
  type PartitionStatus,
  type StageStatus,
} from '@millrace/runtime';
import { ControlFollower } from '@millrace/control';
import type { CheckpointOutcome } from '@millrace/checkpoint';
import type { StatePlaces, StateStore } from '@millrace/state';
import type { Stream } from '@millrace/stream';
import { Checkpoints, makeHere, type MakeCheckpoint } from './checkpoints.ts';
import { createTransformerEvents } from './events.ts';
import { createJobEvents } from './jobs/job-events.ts';
import { DEFAULT_JOB_SETTINGS } from './jobs/job-settings.ts';
import { createJobs, type Jobs } from './jobs/jobs.ts';
import { observe } from './observe.ts';
import { LargeCommits } from './large-commits.ts';
import { PartitionOwner } from './partition-owner.ts';
import type { TransformerSettings } from './settings.ts';
import { Unpublished } from './unpublished.ts';

export interface TransformerComponents {
  stream: Stream;
  state: StateStore;
  clock: Clock;
  log: Log;
  meter: Meter;
  /** Left out: in this thread, which loads and checks the state meanwhile. */
  makeCheckpoint?: MakeCheckpoint;
  /** Where states of jobs are; left out: jobs are done by somebody else. */
  jobPlaces?: StatePlaces;
  /** The log with its archive in front: for jobs, and for a state that is lost. */
  archived?: Stream | undefined;
  /** Whether what arrives gets on slowly, so that jobs hold back. Left out: nobody knows. */
  isPressed?: () => boolean;
}

export interface Transformer extends PartitionedStage {
  /** Gives up at once, as a crash would: nothing more is published or committed. */
  kill(): Promise<void>;
  /**
   * Makes checkpoints of the partitions it owns, or owned when it stopped: with `isAsked` of all,
   * else of those of which something was committed since their last one. Never rejects.
   */
  checkpoint(
    how: Readonly<{ isAsked: boolean; signal: AbortSignal }>,
  ): Promise<CheckpointOutcome[]>;
}

/** The stage: one owner for each of its partitions, side by side, and their jobs beside them. */
export function createTransformer(
  components: TransformerComponents,
  settings: TransformerSettings,
): Transformer {
  const live = createLive(components, settings);
  const { jobPlaces: places, clock, log, meter } = components;
  const { archived: stream = components.stream } = components;
  if (places === undefined) return live;
  const { partitions, stopMsMax } = settings;
  const { isPressed } = components;
  const told = isPressed === undefined ? {} : { isPressed };
  const parts = { stream, places, clock, events: createJobEvents(log, meter), ...told };
  return withJobs(live, createJobs(parts, { ...DEFAULT_JOB_SETTINGS, stopMsMax }, partitions));
}

function withJobs(live: Transformer, jobs: Jobs): Transformer {
  return {
    ...live,
    run: async () => {
      const over = jobs.run();
      try {
        await live.run();
      } finally {
        await jobs.stop();
        await over;
      }
    },
    own: async (partitions) => {
      await Promise.all([live.own(partitions), jobs.own(partitions)]);
    },
    stop: async () => {
      await Promise.all([live.stop(), jobs.stop()]);
    },
    kill: async () => {
      await Promise.all([live.kill(), jobs.kill()]);
    },
    status: () => ({ ...live.status(), jobs: jobs.statuses() }),
  };
}

function createLive(components: TransformerComponents, settings: TransformerSettings): Transformer {
  const { stream, archived, state, clock } = components;
  const { stopMsMax: letGoMsMax, lookAgainMs } = settings;
  const events = createTransformerEvents(components.log, components.meter);
  const producer = stream.producer();
  const { controlRetried: onRetry, controlStopped: onStopped } = events;
  const control = new ControlFollower({ stream, clock, onRetry, onStopped, lookAgainMs });
  const versionsAfter = (number: number) => control.versionsAfter(number);
  // Its own: checkpoints are still made when the owners are gone.
  const checkpointProducer = stream.producer();
  const make =
    components.makeCheckpoint ?? makeHere({ state, producer: checkpointProducer, clock });
  const checkpoints = new Checkpoints({
    ...{ stream, make, clock, events },
    settings: settings.checkpoint,
  });
  const acknowledged = (partition: number, logId: string) => control.acknowledged(partition, logId);
  const known = { versionsAfter, acknowledged };
  const largeCommits = new LargeCommits();
  const unpublished = new Unpublished(settings.pendingBesideBytesMax);
  const shared = { checkpoints, largeCommits, unpublished, ...known };
  const parts = { stream, archived, state, producer, clock, events, settings, ...shared };
  let hasGivenUp = false;
  const owned = new OwnedPartitions(
    {
      clock,
      letGoMsMax,
      create: (partition) => new PartitionOwner(partition, parts),
      onGivenUp: (partition) => {
        hasGivenUp = true;
        events.gaveUpWaiting(partition, letGoMsMax);
      },
    },
    settings.partitions,
  );
  const run = async (): Promise<void> => {
    control.run().catch(events.controlStopped);
    const ended = new AbortController();
    const { signal } = ended;
    const observing = observe({ stream, clock, events, signal }, () => owned.tasks);
    // Before the owners do it ends only by a defect.
    observing.catch(() => void owned.stop());
    try {
      await Promise.race([owned.run(), observing]);
    } finally {
      ended.abort();
      await control.stop();
      await checkpoints.stop();
      // Of an owner that was given up an append may be under way: that ends with the stream.
      if (!hasGivenUp) await producer.close();
    }
  };
  let running: Promise<void> | undefined;
  const settled = async (ending: Promise<void>): Promise<void> => {
    await ending;
    await running?.catch(() => undefined);
  };
  return {
    run: () => (running ??= run()),
    own: (partitions) => owned.own(partitions),
    stop: () => settled(owned.stop()),
    kill: () => settled(owned.kill()),
    checkpoint: (how) => {
      const partitions = how.isAsked
        ? owned.statuses.map(({ partition }) => partition)
        : checkpoints.recent;
      return checkpoints.makeAll(partitions, how);
    },
    status: () => statusOf(owned.statuses),
  };
}

function statusOf(partitions: PartitionStatus[]): StageStatus {
  const ready = partitions.every(({ state }) => state === 'running');
  return { stage: 'transformer', ready, partitions };
}
