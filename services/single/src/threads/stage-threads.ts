import { setFlagsFromString } from 'node:v8';
import { MessageChannel, Worker } from 'node:worker_threads';
import { MillraceError } from '@millrace/runtime';
import type { StoredPositions } from '@millrace/receiver';
import { createSegmentShared } from '@millrace/stream/segment';
import type { DataDirectory } from '../running/data-directory.ts';
import type { SingleSettings } from '../settings.ts';
import { createSharedPositions, readPositions } from './shared-positions.ts';
import type {
  ReceiverThread,
  StageName,
  StageThread,
  Supervisor,
  ThreadData,
  TransformerThread,
  WriterThread,
} from './thread-data.ts';
import { endThread } from './end-thread.ts';
import { createThreadLink, fromSentError, type Callable, type ThreadLink } from './thread-link.ts';
import {
  askThread,
  THREAD_STATUS_DEFAULTS,
  type ThreadQuestions,
  type ThreadStatusSettings,
} from './thread-status.ts';
import { YOUNG_GENERATION_MB_MAX } from './young-generation.ts';

/** The three stages, each in a thread of its own. */
export interface StageThreads {
  receiver: StageHandle<ReceiverThread>;
  transformer: StageHandle<TransformerThread>;
  writer: StageHandle<WriterThread>;
  /** How far the store is. */
  stored: StoredPositions;
  /** Of the log: flushed ends of every partition. */
  sharedLog: SharedArrayBuffer;
}

export interface StageHandle<T extends StageThread & Callable<T>> extends ThreadQuestions {
  stage: StageName;
  link: ThreadLink<T>;
  /** The same link, for what all stages have. */
  common: ThreadLink<StageThread>;
  /** Ends the thread, in bounded time. */
  terminate(): Promise<void>;
}

/**
 * Megabytes of its old generation, buffers included, before all of it is looked through for the
 * first time. Left to the engine that is so little that a busy thread does it two or three times a
 * second, each time on all processors, and finds nothing to speak of.
 */
const OLD_GENERATION_MB_MIN = 128;

/** Starts the threads; nothing is opened yet. `onFailed` is told of a thread that broke down. */
export function startStageThreads(
  params: Readonly<{
    settings: SingleSettings;
    directory: DataDirectory;
    colours: boolean;
    supervisor: Omit<Supervisor, 'failed'>;
    onFailed: (stage: StageName, error: Error) => void;
    /** Left out: the built file of the stage's thread. */
    entryOf?: (stage: StageName) => URL;
    statusSettings?: Partial<ThreadStatusSettings>;
    endMsMax?: number;
  }>,
): StageThreads {
  const { settings, directory, colours } = params;
  const { log, state, jobs, postgres } = directory;
  const { partitions } = settings;
  // No limit that a thread can be given, and read when a thread's heap is made.
  setFlagsFromString(`--initial-old-space-size=${OLD_GENERATION_MB_MIN}`);
  // A young generation is so small here that a thread is through with it sooner than the helpers
  // that it would wake, a dozen times for a million samples, know what is left for them.
  setFlagsFromString('--no-parallel-scavenge');
  const events = new MessageChannel();
  const series = new MessageChannel();
  const common = {
    settings,
    directories: { log, state, jobs, postgres },
    colours,
    sharedLog: createSegmentShared(partitions),
    sharedPositions: createSharedPositions(partitions),
  };
  const start = <T extends StageThread & Callable<T>>(
    stage: StageName,
    ports: ThreadData['ports'],
  ): StageHandle<T> => startThread<T>({ ...common, stage, ports }, params);
  return {
    receiver: start<ReceiverThread>('receiver', { events: events.port1 }),
    transformer: start<TransformerThread>('transformer', {
      events: events.port2,
      series: series.port1,
    }),
    writer: start<WriterThread>('writer', { series: series.port2 }),
    stored: readPositions(common.sharedPositions),
    sharedLog: common.sharedLog,
  };
}

function startThread<T extends StageThread & Callable<T>>(
  data: ThreadData,
  params: Parameters<typeof startStageThreads>[0],
): StageHandle<T> {
  const { stage, ports } = data;
  const worker = new Worker((params.entryOf ?? builtEntryOf)(stage), {
    name: stage,
    workerData: data,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB_MAX },
    transferList: Object.values(ports),
  });
  let isEnding = false;
  const failed = (error: Error): void => {
    link.close(error);
    if (!isEnding) params.onFailed(stage, error);
  };
  const link = createThreadLink<T>(worker, {
    ...params.supervisor,
    failed: (error: Parameters<Supervisor['failed']>[0]) => failed(fromSentError(error)),
  } satisfies Supervisor);
  worker.once('error', (error) => failed(broken(stage, error)));
  worker.once('exit', (code) => failed(broken(stage, new Error(`it ended with code ${code}`))));
  const common = link as unknown as ThreadLink<StageThread>;
  return {
    stage,
    link,
    common,
    ...askThread({ stage, link: common }, { ...THREAD_STATUS_DEFAULTS, ...params.statusSettings }),
    terminate: async () => {
      isEnding = true;
      await endThread(worker, params.endMsMax);
    },
  };
}

/** A process of ours always runs from `dist`, where the file of the thread has this name. */
function builtEntryOf(stage: StageName): URL {
  return new URL(`./${stage}-thread.js`, import.meta.url);
}

function broken(stage: StageName, cause: unknown): MillraceError {
  return new MillraceError({
    code: 'STAGE_BROKE_DOWN',
    kind: 'defect',
    message:
      `The ${stage}'s thread broke down ` +
      `(${cause instanceof Error ? cause.message : String(cause)}). Nothing acknowledged is lost.`,
    remedy: 'Start again: it recovers. If it breaks down again, report it with these lines.',
    cause,
  });
}
