import type { MessagePort } from 'node:worker_threads';
import {
  archivedToOf,
  createFileBinding,
  openArchive,
  withArchive,
  type OpenedArchive,
} from '@millrace/archive';
import { CheckpointRetention, type CheckpointOutcome } from '@millrace/checkpoint';
import {
  limitTime,
  MillraceError,
  type Clock,
  type Meter,
  type StageStatus,
} from '@millrace/runtime';
import { TOPIC_CHECKPOINTS, TOPIC_EVENTS, TOPIC_SERIES, type Topic } from '@millrace/stream';
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
import type { SingleSettings } from '../settings.ts';
import { createArchiveHost, watchArchive, type ArchiveHost } from './archive-host.ts';
import { createCheckpointMaker, type CheckpointMaker } from './checkpoint-maker.ts';
import { createJobsHost, type JobsHost } from './jobs-host.ts';
import type { CheckpointCall, TransformerThread } from './thread-data.ts';
import { hostStage, type ThreadHost } from './thread-host.ts';

// The thread that folds, and appends to the topics of series and checkpoints: nobody else does.
hostStage<TransformerThread>((host) => {
  const { data, clock, log, meter } = host;
  const { settings, directories, ports } = data;
  const partitions = Array.from({ length: settings.partitions }, (_, partition) => partition);
  let stream: SegmentStream | undefined;
  let state: LmdbStateStore | undefined;
  let maker: CheckpointMaker | undefined;
  let retention: CheckpointRetention | undefined;
  let transformer: Transformer | undefined;
  let jobs: JobsHost | undefined;
  let archive: ArchiveHost | undefined;
  let opened: OpenedArchive | undefined;
  return {
    open: async () => {
      const how = { directory: directories.state, partitions: settings.partitions };
      const openedState = await openState({ clock, log }, how);
      state = openedState;
      stream = await openLog(host);
      maker = createCheckpointMaker({ stream }, data);
      opened = await openArchiveOf(host, stream);
      retention = openRetention({ stream, clock, archive: opened }, settings);
      if (ports.series !== undefined) stream.serveAppends(TOPIC_SERIES, ports.series);
      return await logIdsOf(openedState, partitions);
    },
    run: () => {
      if (stream === undefined || state === undefined || maker === undefined) {
        throw new Error('nothing is open yet');
      }
      const archived = opened && withArchive({ stream, files: opened.files });
      transformer = createTransformer(
        { stream, archived, state, clock, log, meter, makeCheckpoint: maker.make },
        {
          ...DEFAULT_TRANSFORMER_SETTINGS,
          ...settings.transformer,
          checkpoint: { ...settings.checkpoint, segmentBytes: settings.log.segmentBytes },
          partitions,
        },
      );
      host.run(transformer);
      jobs = createJobsHost({ stream, clock, log }, data);
      archive = opened?.isSet
        ? createArchiveHost({ logIds: () => logIdsOf(state, partitions), clock, log }, data)
        : opened && watchArchive({ archive: opened, clock }, partitions);
    },
    release: async (flushed) => {
      const releases = flushed.map(async ({ partition, logId, offset }) => {
        const committed = await state?.readPosition(partition);
        if (committed?.logId !== logId) return;
        // What jobs still have to fold stays, also while nobody knows what that is.
        const held = jobs?.heldFrom(partition) ?? 0;
        const position = Math.min(committed.position, offset, held);
        await retention?.release(partition, { logId, position });
      });
      // What holds one up, as an archive that is away, must not hold up the others.
      const ended = await Promise.allSettled(releases);
      for (const one of ended) if (one.status === 'rejected') throw one.reason;
    },
    checkpoint: (how) => checkpointOf(transformer, clock, how),
    status: () => ({
      ...statusOf(transformer),
      jobs: jobs?.statuses() ?? [],
      ...archiveStatusOf(archive?.statuses()),
    }),
    ...metricsOf(meter, () => [jobs, archive]),
    stop: async () =>
      void (await Promise.all([transformer?.stop(), jobs?.close(), archive?.close()])),
    close: async () => {
      for (const one of [jobs, archive, maker, stream, state]) await one?.close();
    },
  };
});

function statusOf(transformer: Transformer | undefined): StageStatus {
  return transformer?.status() ?? { stage: 'transformer', ready: false, partitions: [] };
}

async function checkpointOf(
  transformer: Transformer | undefined,
  clock: Clock,
  { isAsked, msMax }: CheckpointCall,
): Promise<CheckpointOutcome[]> {
  const limit = limitTime(clock, msMax, notInTime);
  const outcomes = await transformer?.checkpoint({ isAsked, signal: limit.signal });
  await limit.end();
  return outcomes ?? [];
}

/** Those of this thread, and of those that it has started. */
function metricsOf(
  meter: Meter,
  others: () => readonly (JobsHost | ArchiveHost | undefined)[],
): Pick<TransformerThread, 'measure' | 'exposition'> {
  return {
    measure: async () => {
      const theirs = await Promise.all(others().map(async (one) => (await one?.measure()) ?? []));
      return [...(await meter.measurements()), ...theirs.flat()];
    },
    exposition: async () => {
      const theirs = others().map(async (one) => (await one?.exposition()) ?? '');
      const texts = await Promise.all([meter.exposition(), ...theirs]);
      const told = texts.filter((text) => text !== '');
      return told.map((text) => `${text.trimEnd()}\n`).join('');
    },
  };
}

/** Nobody else appends to the topics of series and checkpoints. */
async function openLog({ data, clock, log }: ThreadHost): Promise<SegmentStream> {
  const { settings, directories, sharedLog: shared, ports } = data;
  const peers = ports.events && new Map<Topic, MessagePort>([[TOPIC_EVENTS, ports.events]]);
  return await openWithCheckpoints({
    ...{ directory: directories.log, partitions: settings.partitions, shared },
    ...{ owns: [TOPIC_SERIES, TOPIC_CHECKPOINTS], ...(peers && { peers }) },
    ...{ clock, log, settings: settings.log },
  });
}

function archiveStatusOf(archive: StageStatus['archive']): Pick<StageStatus, 'archive'> {
  return archive === undefined ? {} : { archive };
}

async function openArchiveOf(
  { data: { settings, directories } }: ThreadHost,
  stream: SegmentStream,
): Promise<OpenedArchive> {
  const binding = createFileBinding({ stream, logDirectory: directories.log });
  return await openArchive(settings.archive, binding);
}

/** With an archive the log forgets what is in it, and nothing else. */
function openRetention(
  parts: Readonly<{ stream: SegmentStream; clock: Clock; archive: OpenedArchive }>,
  { checkpoint }: Pick<SingleSettings, 'checkpoint'>,
): CheckpointRetention {
  const { stream } = parts;
  return new CheckpointRetention({ stream, archivedTo: archivedToOf(parts) }, checkpoint);
}

async function logIdsOf(
  state: LmdbStateStore | undefined,
  partitions: readonly number[],
): Promise<(string | undefined)[]> {
  if (state === undefined) return [];
  return await Promise.all(partitions.map((partition) => logIdOf(state, partition)));
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
