import { CheckpointRetention } from '@millrace/checkpoint';
import { limitTime, MillraceError, type Meter, type StageStatus } from '@millrace/runtime';
import { TOPIC_CHECKPOINTS, TOPIC_EVENTS, TOPIC_SERIES } from '@millrace/stream';
import type { SegmentStream } from '@millrace/stream/segment';
import { isCorruptState } from '@millrace/state';
import type { LmdbStateStore } from '@millrace/state/lmdb';
import {
  createTransformer,
  DEFAULT_TRANSFORMER_SETTINGS,
  type Transformer,
} from '@millrace/transformer';
import { openState } from '../open-state.ts';
import { openWithCheckpoints } from '../open-with-checkpoints.ts';
import { createCheckpointMaker, type CheckpointMaker } from './checkpoint-maker.ts';
import { createJobsHost, type JobsHost } from './jobs-host.ts';
import type { TransformerThread } from './thread-data.ts';
import { hostStage } from './thread-host.ts';

// The thread that folds, and appends to the topics of series and checkpoints: nobody else does.
hostStage<TransformerThread>((host) => {
  const { data, clock, log, meter } = host;
  const { settings, directories, sharedLog, ports } = data;
  const partitions = Array.from({ length: settings.partitions }, (_, partition) => partition);
  let stream: SegmentStream | undefined;
  let state: LmdbStateStore | undefined;
  let maker: CheckpointMaker | undefined;
  let retention: CheckpointRetention | undefined;
  let transformer: Transformer | undefined;
  let jobs: JobsHost | undefined;
  return {
    open: async () => {
      const how = { directory: directories.state, partitions: settings.partitions };
      const opened = await openState({ clock, log }, how);
      state = opened;
      stream = await openWithCheckpoints({
        directory: directories.log,
        partitions: settings.partitions,
        shared: sharedLog,
        owns: [TOPIC_SERIES, TOPIC_CHECKPOINTS],
        ...(ports.events === undefined ? {} : { peers: new Map([[TOPIC_EVENTS, ports.events]]) }),
        clock,
        log,
        settings: settings.log,
      });
      maker = createCheckpointMaker({ stream, clock }, data);
      retention = new CheckpointRetention({ stream }, settings.checkpoint);
      if (ports.series !== undefined) stream.serveAppends(TOPIC_SERIES, ports.series);
      return await Promise.all(partitions.map((partition) => logIdOf(opened, partition)));
    },
    run: () => {
      if (stream === undefined || state === undefined || maker === undefined) {
        throw new Error('nothing is open yet');
      }
      transformer = createTransformer(
        { stream, state, clock, log, meter, makeCheckpoint: maker.make },
        {
          ...DEFAULT_TRANSFORMER_SETTINGS,
          ...settings.transformer,
          checkpoint: settings.checkpoint,
          partitions,
        },
      );
      host.run(transformer);
      jobs = createJobsHost({ stream, clock, log }, data);
    },
    release: async (flushed) => {
      for (const { partition, logId, offset } of flushed) {
        const committed = await state?.readPosition(partition);
        if (committed?.logId !== logId) continue;
        // What jobs still have to fold stays, also while nobody knows what that is.
        const held = jobs?.heldFrom(partition) ?? 0;
        const position = Math.min(committed.position, offset, held);
        await retention?.release(partition, { logId, position });
      }
    },
    checkpoint: async ({ isAsked, msMax }) => {
      const limit = limitTime(clock, msMax, notInTime);
      const outcomes = await transformer?.checkpoint({ isAsked, signal: limit.signal });
      await limit.end();
      return outcomes ?? [];
    },
    status: () => ({ ...statusOf(transformer), jobs: jobs?.statuses() ?? [] }),
    ...metricsOf(meter, () => jobs),
    stop: async () => void (await Promise.all([transformer?.stop(), jobs?.close()])),
    close: async () => {
      for (const one of [jobs, maker, stream, state]) await one?.close();
    },
  };
});

function statusOf(transformer: Transformer | undefined): StageStatus {
  return transformer?.status() ?? { stage: 'transformer', ready: false, partitions: [] };
}

/** Those of this thread, and of that of the jobs. */
function metricsOf(
  meter: Meter,
  jobs: () => JobsHost | undefined,
): Pick<TransformerThread, 'measure' | 'exposition'> {
  return {
    measure: async () => [...(await meter.measurements()), ...((await jobs()?.measure()) ?? [])],
    exposition: async () => {
      const mine = await meter.exposition();
      const theirs = (await jobs()?.exposition()) ?? '';
      return theirs === '' ? mine : `${mine.trimEnd()}\n${theirs}`;
    },
  };
}

async function logIdOf(state: LmdbStateStore, partition: number): Promise<string | undefined> {
  try {
    return (await state.readPosition(partition))?.logId;
  } catch (error) {
    // Whoever takes the partition over looks for a checkpoint.
    if (isCorruptState(error)) return undefined;
    throw error;
  }
}

function notInTime(msMax: number): MillraceError {
  return new MillraceError({
    code: 'CHECKPOINT_NOT_IN_TIME',
    kind: 'transient',
    message:
      `There were ${msMax} ms for checkpoints, and that was not enough for all. The state is ` +
      'committed, and events are kept as before.',
    remedy: 'Nothing: the next start goes on from the state, and makes one when it is time.',
  });
}
