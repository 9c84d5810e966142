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
  let giveUp = (): void => undefined;
  const givenUp = new Promise<undefined>((resolve) => {
    giveUp = () => resolve(undefined);
  });
  const killAll = (): void => {
    for (const owner of owners) owner.kill();
  };
  const run = async (): Promise<void> => {
    const runs = owners.map((owner) => owner.run());
    // A defect in one may be one in all: nobody goes on.
    for (const one of runs) one.catch(killAll);
    const results = await Promise.race([Promise.allSettled(runs), givenUp]);
    // Given up, something is still under way, and ends when the stream is closed.
    if (results === undefined) return;
    await producer.close();
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  };
  const settled = async (): Promise<void> => {
    await running?.catch(() => undefined);
  };
  return {
    run: () => (running ??= run()),
    stop: async () => {
      for (const owner of owners) owner.stop();
      const over = new AbortController();
      const late = clock.sleep(settings.stopMsMax, over.signal).then(
        () => {
          events.gaveUpWaiting(settings.stopMsMax);
          killAll();
          giveUp();
        },
        () => undefined,
      );
      await settled();
      over.abort();
      await late;
    },
    kill: async () => {
      killAll();
      await settled();
    },
    status: () => ({
      stage: 'transformer',
      ready: owners.every(({ status }) => status.state === 'running'),
      partitions: owners.map(({ status }) => status),
    }),
  };
}
