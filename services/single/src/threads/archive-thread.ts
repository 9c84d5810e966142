import { parentPort, workerData } from 'node:worker_threads';
import {
  ArchiveKeeper,
  createArchiveEvents,
  createFileBinding,
  openArchive,
} from '@millrace/archive';
import {
  createConsoleLog,
  createMeter,
  measureThread,
  systemClock,
  type ArchiveStatus,
  type Measurement,
} from '@millrace/runtime';
import { openSegmentStream } from '@millrace/stream/segment';
import type { SingleSettings } from '../settings.ts';
import type { ThreadData } from './thread-data.ts';
import { endWhenTold } from './end-thread.ts';
import { createThreadLink } from './thread-link.ts';

/** What the thread is born with. */
export interface ArchiveThreadData {
  directories: ThreadData['directories'];
  sharedLog: SharedArrayBuffer;
  settings: Pick<SingleSettings, 'partitions' | 'log' | 'logging' | 'archive'>;
  colours: boolean;
}

/** What it is asked for. */
export interface ArchiveThread {
  /** Tells which log each partition is of, and asks how far it is archived. */
  look(logIds: readonly (string | undefined)[]): Promise<ArchiveStatus[]>;
  measure(): Promise<Measurement[]>;
  exposition(): Promise<string>;
  /** Gives up what is under way: what is not complete does not count. */
  close(): Promise<void>;
}

// The thread that copies the log into the archive: it compresses, and waits for a network, and
// whoever folds what arrives must not wait for that. It only reads the log.
if (parentPort === null) throw new Error('the archive thread was started outside of a worker');
endWhenTold(parentPort);

const { directories, sharedLog, settings, colours } = workerData as ArchiveThreadData;
const { partitions, logging } = settings;
const clock = systemClock;
const log = createConsoleLog({ logging, colours, fields: { stage: 'archive' } });
const meter = createMeter();
measureThread('archive', meter);
const all = Array.from({ length: partitions }, (_, partition) => partition);
let logIds: readonly (string | undefined)[] = [];

interface Opened {
  keeper: ArchiveKeeper;
  close(): Promise<void>;
}

async function open(): Promise<Opened> {
  const stream = await openSegmentStream({
    ...{ directory: directories.log, partitions, shared: sharedLog, owns: [] },
    ...{ clock, log, settings: settings.log },
  });
  const binding = createFileBinding({ stream, logDirectory: directories.log });
  const { files, claim } = await openArchive(settings.archive, binding);
  const keeper = new ArchiveKeeper(
    {
      ...{ stream, files, claim, clock, events: createArchiveEvents(log, meter) },
      owned: () => all,
      logIdOf: async (partition) => logIds[partition],
    },
    settings.archive,
  );
  void keeper.run();
  const close = async (): Promise<void> => {
    await keeper.stop();
    await stream.close();
  };
  return { keeper, close };
}

const opening = open();
// Whoever looks is told.
opening.catch(() => undefined);

createThreadLink(parentPort, {
  look: async (known: readonly (string | undefined)[]) => {
    logIds = known;
    return (await opening).keeper.statuses();
  },
  measure: () => meter.measurements(),
  exposition: () => meter.exposition(),
  close: async () => await (await opening).close(),
} satisfies Readonly<Record<keyof ArchiveThread, unknown>>);
