import { availableParallelism } from 'node:os';
import {
  errorKind,
  errorText,
  MillraceError,
  retryTransient,
  type PartitionStatus,
  type Stage,
  type StageStatus,
} from '@millrace/runtime';
import { HistoryReader } from '@millrace/control';
import type { PostgresConnection } from '@millrace/store';
import type { PostgresStore } from '@millrace/store/postgres';
import { createTimescaleStore, migrateTimescale } from '@millrace/store/timescale';
import { TOPIC_SERIES } from '@millrace/stream';
import { openSegmentStream, type SegmentStream } from '@millrace/stream/segment';
import { createWriter, keepExpiring } from '@millrace/writer';
import { noting } from './noting-store.ts';
import { publishPositions } from './shared-positions.ts';
import type { FlushedMark, WriterThread } from './thread-data.ts';
import { hostStage, type ThreadHost } from './thread-host.ts';

// The thread that brings the series topic into the store. It appends to nothing.
hostStage<WriterThread>((host) => {
  const stopping = new AbortController();
  const flushed = new Map<number, FlushedMark>();
  let stream: SegmentStream | undefined;
  let store: PostgresStore | undefined;
  let writer: Stage | undefined;
  let unready: PartitionStatus['reason'];
  let background: Promise<unknown> = Promise.resolve();
  const begin = async (connection: PostgresConnection, tried: () => void): Promise<void> => {
    await makeReady(host, connection, stopping.signal, (error) => {
      unready = reasonOf(error);
      tried();
    });
    tried();
    if (stopping.signal.aborted) return;
    unready = undefined;
    if (stream === undefined) throw new Error('the writer runs before its log is open');
    const { clock, log, meter, data } = host;
    store = createTimescaleStore({
      connection,
      log,
      clock,
      settings: { retention: data.settings.store.retention },
    });
    const marks = publishPositions(data.sharedPositions);
    const parts = {
      stream,
      store: noting(store, { stream, log }, flushed),
      clock,
      log,
      meter,
      marks,
    };
    writer = createWriter(parts, { largeBatchesMax: largeBatchesMax() });
    host.run(writer);
    const upkeep = { store, history: new HistoryReader(stream), clock, log };
    await keepExpiring(upkeep, data.settings.store.upkeepMs, stopping.signal);
  };
  return {
    open: async () => {
      stream = await openLog(host);
    },
    run: async (connection) => {
      const { promise, resolve: tried } = firstTry();
      background = begin(connection, tried).catch((error: unknown) => {
        tried();
        if (stopping.signal.aborted) return;
        unready = reasonOf(error);
        if (errorKind(error) === 'defect') throw error;
      });
      await promise;
    },
    flushed: () => [...flushed.values()],
    status: () => writer?.status() ?? waiting(host.data.settings.partitions, unready),
    stop: async () => {
      stopping.abort();
      await writer?.stop();
      await background;
    },
    close: async () => {
      await stream?.close();
      await store?.close();
    },
  };
});

/**
 * The thread puts a batch in order and encodes it about as fast as two connections store it: more
 * at a time would only be smaller. Where the processors are few, one fills them as well as two do.
 */
function largeBatchesMax(): number {
  return availableParallelism() > PROCESSORS_FEW ? 2 : 1;
}

const PROCESSORS_FEW = 3;

/** Settles with the first attempt to prepare the store, however that ends. */
function firstTry(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((resolveTry) => {
    resolve = resolveTry;
  });
  return { promise, resolve };
}

async function openLog({ data, clock, log }: ThreadHost): Promise<SegmentStream> {
  const { settings, directories, sharedLog, ports } = data;
  return await openSegmentStream({
    directory: directories.log,
    partitions: settings.partitions,
    shared: sharedLog,
    owns: [],
    ...(ports.series === undefined ? {} : { peers: new Map([[TOPIC_SERIES, ports.series]]) }),
    clock,
    log,
    settings: settings.log,
  });
}

/** Brings the schema up to date, however long the database is away. */
async function makeReady(
  { clock, log }: ThreadHost,
  connection: PostgresConnection,
  signal: AbortSignal,
  onWait: (error: unknown) => void,
): Promise<void> {
  await retryTransient({
    clock,
    attempt: () => migrateTimescale({ connection, log }),
    signal,
    onRetry: (error, delayMs) => {
      onWait(error);
      log.warn({ error: errorText(error), delayMs }, 'The store cannot be prepared yet.');
    },
  });
}

/** Before there is a writer: all partitions wait for the store, for the same reason. */
function waiting(count: number, reason: PartitionStatus['reason']): StageStatus {
  const state = reason === undefined ? ('starting' as const) : ('waiting' as const);
  const partitions = Array.from({ length: count }, (_, partition) => ({
    partition,
    state,
    ...(reason === undefined ? {} : { reason }),
    position: 0,
    endOffset: 0,
    lagMs: 0,
  }));
  return { stage: 'writer', ready: false, partitions };
}

function reasonOf(error: unknown): NonNullable<PartitionStatus['reason']> {
  if (!(error instanceof MillraceError)) return { code: 'UNKNOWN', message: errorText(error) };
  return { code: error.code, message: error.message, remedy: error.remedy };
}
