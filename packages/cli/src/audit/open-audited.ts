import {
  createControlBinding,
  createFileBinding,
  openWithArchive,
  type ArchiveBinding,
  type ArchiveSection,
} from '@millrace/archive';
import { silentLog, systemClock } from '@millrace/runtime';
import { usualDataDirectory } from '@millrace/single/running';
import type {
  CompletionStore,
  PostgresConnection,
  StoreReader,
  StoreRepairer,
} from '@millrace/store';
import { createPostgresCompletionStore, createPostgresStoreReader } from '@millrace/store/postgres';
import { createTimescaleStoreRepairer } from '@millrace/store/timescale';
import type { Stream } from '@millrace/stream';
import { kafkaConnectionOf, openKafkaStream } from '@millrace/stream/kafka';
import { openSegmentView } from '@millrace/stream/segment';
import { dataDirOf, type CliContext } from '../cli-context.ts';
import { connectionOf } from '../store-connection.ts';
import { readDistributedSettings } from '../distributed/distributed-settings.ts';
import { storeUrlMissing } from '../distributed/store-url-missing.ts';
import { findRunning } from '../running-single.ts';

const NAME = 'millrace-audit';
const OPEN_MS = 5000;

/** A log, and the store that was filled from it. */
export interface Audited {
  stream: Stream;
  store: StoreReader;
  /** Who puts rows right; made when it is asked for. */
  repairer(): StoreRepairer;
  /** Where windows that are computed again are kept; made when it is asked for. */
  completion(): CompletionStore;
  close(): Promise<void>;
}

/** The data directory of a running process: the log's files, and the store by its socket. */
export async function openEmbedded(
  context: CliContext,
  dataDir: string | undefined,
  archive: ArchiveSection | undefined,
): Promise<Audited> {
  const { environment } = context;
  const chosen = dataDirOf(context, dataDir);
  const run = await findRunning(chosen);
  const connection = connectionOf(run, environment);
  const { log } = usualDataDirectory(chosen);
  const stream = await openSegmentView({ directory: log, clock: systemClock });
  const binding = createFileBinding({ stream, logDirectory: log });
  return await audited(stream, connection, { archive, binding });
}

/** Kafka and the database of the environment. */
export async function openDistributed(
  { environment }: CliContext,
  archive: ArchiveSection | undefined,
): Promise<Audited> {
  const { kafka, store } = readDistributedSettings(environment);
  if (store.url === undefined) throw storeUrlMissing();
  const stream = await openKafkaStream({
    connection: kafkaConnectionOf(kafka, NAME),
    topicPrefix: kafka.topicPrefix,
    clock: systemClock,
    log: silentLog,
    settings: { openMs: OPEN_MS },
  });
  const binding = createControlBinding({ stream, clock: systemClock });
  return await audited(stream, { url: store.url }, { archive, binding });
}

/** With an archive, what the log has forgotten is read from there; undefined: it is left out. */
async function audited(
  held: Stream,
  connection: PostgresConnection,
  archived: Readonly<{ archive: ArchiveSection | undefined; binding: ArchiveBinding }>,
): Promise<Audited> {
  const stream = await withArchiveOf(held, archived);
  const store = createPostgresStoreReader({ connection });
  let repairer: StoreRepairer | undefined;
  let completion: CompletionStore | undefined;
  return {
    ...{ stream, store },
    repairer: () => (repairer ??= createTimescaleStoreRepairer({ connection, log: silentLog })),
    completion: () =>
      (completion ??= createPostgresCompletionStore({ connection, log: silentLog })),
    close: async () => {
      await repairer?.close();
      await completion?.close();
      await store.close();
      await stream.close();
    },
  };
}

async function withArchiveOf(
  held: Stream,
  { archive, binding }: Readonly<{ archive: ArchiveSection | undefined; binding: ArchiveBinding }>,
): Promise<Stream> {
  if (archive === undefined) return held;
  try {
    return await openWithArchive({ stream: held, binding }, archive);
  } catch (error) {
    await held.close();
    throw error;
  }
}
