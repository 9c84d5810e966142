import {
  OwnedPartitions,
  type Clock,
  type Log,
  type Meter,
  type PartitionedStage,
} from '@millrace/runtime';
import { ControlFollower } from '@millrace/control';
import type { StateStore } from '@millrace/state';
import type { Stream } from '@millrace/stream';
import { createTransformerEvents } from './events.ts';
import { PartitionOwner } from './partition-owner.ts';
import type { TransformerSettings } from './settings.ts';

export interface TransformerComponents {
  stream: Stream;
  state: StateStore;
  clock: Clock;
  log: Log;
  meter: Meter;
}

export interface Transformer extends PartitionedStage {
  /** Gives up at once, as a crash would: nothing more is published or committed. */
  kill(): Promise<void>;
}

/** The stage: one owner for each of its partitions, side by side. */
export function createTransformer(
  components: TransformerComponents,
  settings: TransformerSettings,
): Transformer {
  const { stream, state, clock } = components;
  const { stopMsMax: letGoMsMax, lookAgainMs } = settings;
  const events = createTransformerEvents(components.log, components.meter);
  const producer = stream.producer();
  const { controlRetried: onRetry, controlStopped: onStopped } = events;
  const control = new ControlFollower({ stream, clock, onRetry, onStopped, lookAgainMs });
  const versionsAfter = (number: number) => control.versionsAfter(number);
  const parts = { stream, state, producer, clock, events, settings, versionsAfter };
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
    try {
      await owned.run();
    } finally {
      await control.stop();
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
    status: () => {
      const partitions = owned.statuses;
      const ready = partitions.every(({ state: at }) => at === 'running');
      return { stage: 'transformer', ready, partitions };
    },
  };
}
