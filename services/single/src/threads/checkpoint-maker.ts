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
 * Makes checkpoints, each in a thread of its own, which is there only meanwhile: so the memory of
 * one partition's state is given back before the next one's is loaded, where the collector would
 * find it late: with a million series some two hundred megabytes.
 */
export interface CheckpointMaker {
  make: MakeCheckpoint;
  /** Ends the thread, whatever it is doing. */
  close(): Promise<void>;
}

type Running = LinkedThread<CheckpointThread>;

/** `stream` is that of the thread which owns `metrics.checkpoints`. */
export function createCheckpointMaker(
  { stream }: Readonly<{ stream: SegmentStream }>,
  data: Pick<ThreadData, 'directories' | 'sharedLog' | 'settings'>,
): CheckpointMaker {
  const running = new Set<Running>();
  const closeAndEnd = async (ending: Running): Promise<void> => {
    await ending.link.call('close').catch(() => undefined);
    await ending.end();
    running.delete(ending);
  };
  return {
    make: async (partition, signal) => {
      signal.throwIfAborted();
      const used = start(stream, data);
      running.add(used);
      const aborted = new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      });
      try {
        const made = await Promise.race([used.link.call('make', partition), aborted]);
        await closeAndEnd(used);
        return made;
      } catch (error) {
        // It may be in the middle of something, or gone.
        await used.end();
        running.delete(used);
        throw error;
      }
    },
    close: async () => void (await Promise.all([...running].map(closeAndEnd))),
  };
}

function start(
  stream: SegmentStream,
  { directories, sharedLog, settings }: Pick<ThreadData, 'directories' | 'sharedLog' | 'settings'>,
): Running {
  const channel = new MessageChannel();
  stream.serveAppends(TOPIC_CHECKPOINTS, channel.port1);
  // Whoever waits for an append holds the process; this port alone must not.
  channel.port1.unref();
  const { partitions, log } = settings;
  const workerData: CheckpointThreadData = {
    ...{ directories, sharedLog, settings: { partitions, log } },
    port: channel.port2,
  };
  const entry = new URL('./checkpoint-thread.js', import.meta.url);
  const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB_MAX };
  const options = { workerData, resourceLimits, transferList: [channel.port2] };
  return startThread(entry, options, threadEnded);
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
