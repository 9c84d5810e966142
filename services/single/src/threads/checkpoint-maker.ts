import { MessageChannel } from 'node:worker_threads';
import { MillraceError } from '@millrace/runtime';
import { TOPIC_CHECKPOINTS } from '@millrace/stream';
import type { SegmentStream } from '@millrace/stream/segment';
import type { MakeCheckpoint } from '@millrace/transformer';
import type { CheckpointThread, CheckpointThreadData } from './checkpoint-thread.ts';
import type { ThreadData } from './thread-data.ts';
import { startThread, type LinkedThread } from './start-thread.ts';
import { YOUNG_GENERATION_MB_MAX } from './young-generation.ts';

/**
 * Makes checkpoints in a thread that is started for the first one, and stays: LMDB's binding takes
 * 16 MiB in each thread. If one that ends gives them back, the C library from then on takes all
 * that is smaller from what each thread has, and leaves 32 MiB of what is free with each of them:
 * with a million series two hundred megabytes.
 */
export interface CheckpointMaker {
  make: MakeCheckpoint;
  /** Ends the thread, whatever it is doing. */
  close(): Promise<void>;
}

type Running = LinkedThread<CheckpointThread>;

const BUILT_ENTRY = new URL('./checkpoint-thread.js', import.meta.url);

type Data = Pick<ThreadData, 'directories' | 'sharedLog' | 'settings'>;

interface MakerParts {
  /** Of the thread which owns `metrics.checkpoints`. */
  stream: SegmentStream;
  /** The thread's program, unless it is the one that was built beside this file. */
  entry?: URL;
}

export function createCheckpointMaker(parts: MakerParts, data: Data): CheckpointMaker {
  const running = new Set<Running>();
  let idle: Running | undefined;
  const closeAndEnd = async (ending: Running): Promise<void> => {
    await ending.link.call('close').catch(() => undefined);
    await ending.end();
    running.delete(ending);
  };
  return {
    make: async (partition, signal) => {
      signal.throwIfAborted();
      const used = idle ?? start(parts, data);
      idle = undefined;
      running.add(used);
      const aborted = new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      });
      try {
        const made = await Promise.race([used.link.call('make', partition), aborted]);
        // They are made one after the other: a second one is there only beside one that is late.
        if (idle === undefined) idle = used;
        else await closeAndEnd(used);
        return made;
      } catch (error) {
        // It may be in the middle of something, or gone.
        await used.end();
        running.delete(used);
        throw error;
      }
    },
    close: async () => {
      idle = undefined;
      await Promise.all([...running].map(closeAndEnd));
    },
  };
}

function start({ stream, entry }: MakerParts, { directories, sharedLog, settings }: Data): Running {
  const channel = new MessageChannel();
  stream.serveAppends(TOPIC_CHECKPOINTS, channel.port1);
  // Whoever waits for an append holds the process; this port alone must not.
  channel.port1.unref();
  const { partitions, log } = settings;
  const workerData: CheckpointThreadData = {
    ...{ directories, sharedLog, settings: { partitions, log } },
    port: channel.port2,
  };
  const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB_MAX };
  const options = {
    ...{ workerData, resourceLimits, transferList: [channel.port2] },
    // What a test runs under is not for what is built.
    ...(entry === undefined ? {} : { execArgv: [] }),
  };
  return startThread(entry ?? BUILT_ENTRY, options, threadEnded);
}

function threadEnded(why: string, cause?: unknown): MillraceError {
  return new MillraceError({
    code: 'CHECKPOINT_THREAD_ENDED',
    kind: 'transient',
    message: `The thread that makes checkpoints is gone (${why}); events are kept as before.`,
    remedy: 'Nothing: it is started again for the next checkpoint.',
    cause,
  });
}
