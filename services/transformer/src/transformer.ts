import type { Clock, Log, Meter, Stage } from '@millrace/runtime';
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

export interface Transformer extends Stage {
  /** Gives up at once, as a crash would: nothing more is published or committed. */
  kill(): Promise<void>;
}

/** The stage: one owner for each of its partitions, side by side. */
export function createTransformer(
  components: TransformerComponents,
  settings: TransformerSettings,
): Transformer {
  const { stream, state, clock } = components;
  const events = createTransformerEvents(components.log, components.meter);
  const producer = stream.producer();
  const parts = { stream, state, producer, clock, events, settings };
  const owners = settings.partitions.map((partition) => new PartitionOwner(partition, parts));
  let running: Promise<void> | undefined;
  const run = async (): Promise<void> => {
    try {
      await Promise.all(owners.map((owner) => owner.run()));
    } catch (error) {
      for (const owner of owners) owner.kill();
      throw error;
    } finally {
      await producer.close();
    }
  };
  const settled = async (): Promise<void> => {
    await running?.catch(() => undefined);
  };
  return {
    run: () => (running ??= run()),
    stop: async () => {
      for (const owner of owners) owner.stop();
      await settled();
    },
    kill: async () => {
      for (const owner of owners) owner.kill();
      await settled();
    },
    status: () => ({
      stage: 'transformer',
      ready: owners.every(({ status }) => status.state === 'running'),
      partitions: owners.map(({ status }) => status),
    }),
  };
}
