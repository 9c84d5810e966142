import { parentPort, workerData } from 'node:worker_threads';
import { createControlBinding, openWithArchive, type ArchiveSection } from '@millrace/archive';
import { completeMarked, createGiveWay, SCHEDULED_DEFAULTS } from '@millrace/complete';
import { silentLog, systemClock } from '@millrace/runtime';
import { createThreadLink, type CompletingThread } from '@millrace/single/completing';
import { createPostgresCompletionStore } from '@millrace/store/postgres';
import { kafkaConnectionOf, openKafkaStream, type KafkaSection } from '@millrace/stream/kafka';

/** What the thread is born with. */
export interface CompletingThreadData {
  kafka: KafkaSection;
  archive: ArchiveSection;
  /** Of the database. */
  url: string;
}

const NAME = 'millrace-complete';
const OPEN_MS = 30_000;

// The thread that completes marked windows beside a writer: it reads much of the log again, and
// storing must not wait for that. It is there only meanwhile.
if (parentPort === null) throw new Error('the completing thread was started outside of a worker');
createThreadLink(parentPort, { complete } satisfies CompletingThread);

async function complete(wanted: Parameters<CompletingThread['complete']>[0]) {
  const { kafka, archive, url } = workerData as CompletingThreadData;
  const clock = systemClock;
  const store = createPostgresCompletionStore({ connection: { url }, log: silentLog });
  try {
    const stream = await openKafkaStream({
      connection: kafkaConnectionOf(kafka, NAME),
      topicPrefix: kafka.topicPrefix,
      ...{ clock, log: silentLog, settings: { openMs: OPEN_MS } },
    });
    try {
      const binding = createControlBinding({ stream, clock });
      const whole = await openWithArchive({ stream, binding }, archive);
      const parts = {
        stream: whole,
        store,
        clock,
        isScheduled: true,
        giveWay: createGiveWay(clock),
      };
      return await completeMarked(parts, { ...SCHEDULED_DEFAULTS, ...wanted });
    } finally {
      await stream.close();
    }
  } finally {
    await store.close();
  }
}
