import { parentPort, workerData } from 'node:worker_threads';
import { createFileBinding, openWithArchive } from '@millrace/archive';
import { completeMarked, createGiveWay, SCHEDULED_DEFAULTS } from '@millrace/complete';
import { silentLog, systemClock } from '@millrace/runtime';
import type { PostgresConnection } from '@millrace/store';
import { createPostgresCompletionStore } from '@millrace/store/postgres';
import { openSegmentStream } from '@millrace/stream/segment';
import type { SingleSettings } from '../settings.ts';
import type { CompletingThread } from './completing.ts';
import type { ThreadData } from './thread-data.ts';
import { endWhenTold } from './end-thread.ts';
import { createThreadLink } from './thread-link.ts';

/** What the thread is born with. */
export interface CompletingThreadData {
  directories: ThreadData['directories'];
  sharedLog: SharedArrayBuffer;
  settings: Pick<SingleSettings, 'partitions' | 'log' | 'archive'>;
  connection: PostgresConnection;
}

// The thread that completes marked windows: it reads much of the log again, and neither folding nor
// storing must wait for that. It is there only meanwhile.
if (parentPort === null) throw new Error('the completing thread was started outside of a worker');
endWhenTold(parentPort);

createThreadLink(parentPort, {
  complete: async (wanted) => {
    const { directories, sharedLog, settings, connection } = workerData as CompletingThreadData;
    const clock = systemClock;
    const store = createPostgresCompletionStore({ connection, log: silentLog });
    const stream = await openSegmentStream({
      directory: directories.log,
      partitions: settings.partitions,
      ...{ shared: sharedLog, owns: [], clock, log: silentLog, settings: settings.log },
    });
    try {
      const giveWay = createGiveWay(clock);
      const binding = createFileBinding({ stream, logDirectory: directories.log });
      const whole = await openWithArchive({ stream, binding }, settings.archive);
      const parts = { stream: whole, store, clock, isScheduled: true, giveWay };
      return await completeMarked(parts, { ...SCHEDULED_DEFAULTS, ...wanted });
    } finally {
      await stream.close();
      await store.close();
    }
  },
} satisfies CompletingThread);
