import { Session } from 'node:inspector/promises';
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { makeCheckpoint, type CheckpointSources, type MadeCheckpoint } from '@millrace/checkpoint';
import { silentLog, systemClock } from '@millrace/runtime';
import { openLmdbStateStore } from '@millrace/state/lmdb';
import { TOPIC_CHECKPOINTS } from '@millrace/stream';
import { openSegmentStream } from '@millrace/stream/segment';
import { describeState } from '@millrace/transformer';
import type { SingleSettings } from '../settings.ts';
import type { ThreadData } from './thread-data.ts';
import { endWhenTold } from './end-thread.ts';
import { createThreadLink } from './thread-link.ts';

/** What the thread is born with. */
export interface CheckpointThreadData {
  directories: ThreadData['directories'];
  sharedLog: SharedArrayBuffer;
  settings: Pick<SingleSettings, 'partitions' | 'log'>;
  /** To the owner of `metrics.checkpoints`. */
  port: MessagePort;
}

/** What it is asked for. */
export interface CheckpointThread {
  make(partition: number): Promise<MadeCheckpoint | undefined>;
  close(): Promise<void>;
}

// The thread that makes checkpoints: it loads whole states and checks that they can be read, and
// the thread that folds must not wait for that.
if (parentPort === null) throw new Error('the checkpoint thread was started outside of a worker');
endWhenTold(parentPort);

interface Opened extends CheckpointSources {
  close(): Promise<void>;
}

async function open(): Promise<Opened> {
  const { directories, sharedLog, settings, port } = workerData as CheckpointThreadData;
  const clock = systemClock;
  // An empty one in its place would be all that the thread that folds finds.
  const state = openLmdbStateStore({ directory: directories.state, isInUse: true });
  const stream = await openSegmentStream({
    directory: directories.log,
    partitions: settings.partitions,
    shared: sharedLog,
    owns: [],
    peers: new Map([[TOPIC_CHECKPOINTS, port]]),
    clock,
    log: silentLog,
    settings: settings.log,
  });
  const close = async (): Promise<void> => {
    await stream.close();
    await state.close();
  };
  return { state, producer: stream.producer(), clock, describe: describeState, close };
}

/** What a state of so much leaves behind may wait for the collector. */
const SMALL_BYTES_MAX = 4 * 1024 * 1024;

/**
 * Gives back what a state took. The collector would begin when the next one is loaded: that of one
 * partition of a million series takes some two hundred megabytes.
 */
async function collectGarbage(): Promise<void> {
  const session = new Session();
  session.connect();
  try {
    await session.post('HeapProfiler.collectGarbage');
  } finally {
    session.disconnect();
  }
}

/** Opened by the first call, so that whoever asks is told what is wrong. */
let opening: Promise<Opened> | undefined;
const { signal } = new AbortController();

createThreadLink(parentPort, {
  make: async (partition) => {
    opening ??= open();
    const made = await makeCheckpoint(await opening, { partition, signal });
    if ((made?.manifest.pagesBytes ?? 0) > SMALL_BYTES_MAX) await collectGarbage();
    return made;
  },
  close: async () => await (await opening)?.close(),
} satisfies CheckpointThread);
