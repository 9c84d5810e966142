import { MessageChannel } from 'node:worker_threads';
import { MillraceError, type Clock } from '@millrace/runtime';
import { TOPIC_CHECKPOINTS } from '@millrace/stream';
import type { SegmentStream } from '@millrace/stream/segment';
import type { MakeCheckpoint } from '@millrace/transformer';
import type { CheckpointThread, CheckpointThreadData } from './checkpoint-thread.ts';
import type { ThreadData } from './thread-data.ts';
import { startThread, type LinkedThread } from './start-thread.ts';
import { YOUNG_GENERATION_MB_MAX } from './young-generation.ts';

/** Makes checkpoints in a thread of its own, which is there only while there are some to make. */
export interface CheckpointMaker {
  make: MakeCheckpoint;
  /** Ends the thread, whatever it is doing. */
  close(): Promise<void>;
}

type Running = LinkedThread<CheckpointThread>;

/** Partitions follow one another: the thread stays for so long, and then gives its memory back. */
const IDLE_MS = 1000;

/** `stream` is that of the thread which owns `metrics.checkpoints`. */
export function createCheckpointMaker(
  components: Readonly<{ stream: SegmentStream; clock: Clock }>,
  data: Pick<ThreadData, 'directories' | 'sharedLog' | 'settings'>,
): CheckpointMaker {
  const { stream, clock } = components;
  let running: Running | undefined;
  let idle = new AbortController();
  const end = async (ending: Running): Promise<void> => {
    if (running === ending) running = undefined;
    await ending.end();
  };
  const closeAndEnd = async (ending: Running): Promise<void> => {
    running = undefined;
    await ending.link.call('close').catch(() => undefined);
    await end(ending);
  };
  const endWhenIdle = async (): Promise<void> => {
    idle = new AbortController();
    const { signal } = idle;
    await clock.sleep(IDLE_MS, signal).catch(() => undefined);
    const ending = running;
    if (signal.aborted || ending === undefined) return;
    await closeAndEnd(ending);
  };
  return {
    make: async (partition, signal) => {
      idle.abort();
      signal.throwIfAborted();
      running ??= start(stream, data);
      const used = running;
      const aborted = new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      });
      try {
        return await Promise.race([used.link.call('make', partition), aborted]);
      } catch (error) {
        // It may be in the middle of something, or gone.
        await end(used);
        throw error;
      } finally {
        if (running === used) void endWhenIdle();
      }
    },
    close: async () => {
      idle.abort();
      if (running !== undefined) await closeAndEnd(running);
    },
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
