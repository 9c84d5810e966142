import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { createFileBinding, openWithArchive } from '@millrace/archive';
import {
  createConsoleLog,
  createMeter,
  measureThread,
  silentLog,
  systemClock,
  type JobStatus,
  type Measurement,
} from '@millrace/runtime';
import { openLmdbStatePlaces } from '@millrace/state/lmdb';
import { TOPIC_EVENTS, TOPIC_SERIES } from '@millrace/stream';
import { openSegmentStream } from '@millrace/stream/segment';
import {
  createJobEvents,
  watchStoreLag,
  createJobs,
  DEFAULT_JOB_SETTINGS,
  type Jobs,
} from '@millrace/transformer';
import { openState } from '../open-state.ts';
import type { SingleSettings } from '../settings.ts';
import { watchDisk } from './disk-watch.ts';
import type { ThreadData } from './thread-data.ts';
import { endWhenTold } from './end-thread.ts';
import { createThreadLink } from './thread-link.ts';

/** What the thread is born with. */
export interface JobsThreadData {
  directories: ThreadData['directories'];
  sharedLog: SharedArrayBuffer;
  sharedPositions: SharedArrayBuffer;
  settings: Pick<SingleSettings, 'partitions' | 'log' | 'logging' | 'archive'>;
  colours: boolean;
  /** Those whose past it folds. */
  owned: readonly number[];
  /** Among threads of the same kind, from 0. */
  number: number;
  /** To the owner of `metrics.series`. */
  port: MessagePort;
}

/** What it is asked for. */
export interface JobsThread {
  look(): JobsLook;
  measure(): Promise<Measurement[]>;
  exposition(): Promise<string>;
  /** Commits what is folded, and closes everything. */
  close(): Promise<void>;
}

/** How its jobs are. */
export interface JobsLook {
  statuses: JobStatus[];
  /** By partition: below it no job of this thread needs an event any more. */
  heldFrom: number[];
  /** There is nothing left to do. */
  isIdle: boolean;
}

// A thread that folds the past under other rules: whoever folds what arrives must not wait for
// that. It lives as long as there is something to fold.
if (parentPort === null) throw new Error('the jobs thread was started outside of a worker');
endWhenTold(parentPort);

const { directories, sharedLog, sharedPositions, settings, colours, owned, number, port } =
  workerData as JobsThreadData;
/** Nobody else has to have a turn in this thread. */
const SLICE_MS = 50;
const LAG_LOOK_MS = 250;
/** So far behind the store is, jobs hold back: half of what is promised for what arrives. */
const PRESSED_MS = 2000;
const { partitions, logging } = settings;
const clock = systemClock;
const log = createConsoleLog({ logging, colours, fields: { stage: 'transformer' } });
const meter = createMeter();
measureThread(number === 0 ? 'jobs' : `jobs_${number + 1}`, meter);
const all = Array.from({ length: partitions }, (_, partition) => partition);

interface Opened {
  jobs: Jobs;
  close(): Promise<void>;
}

async function open(): Promise<Opened> {
  const directory = join(directories.jobs, String(number));
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const places = openLmdbStatePlaces({
    directory,
    // After an unclean end each is tried out first, as the live one is.
    open: (directory) => openState({ clock, log }, { directory, partitions }),
  });
  const stream = await openSegmentStream({
    ...{ directory: directories.log, partitions, shared: sharedLog, owns: [] },
    peers: new Map([[TOPIC_SERIES, port]]),
    ...{ clock, log, settings: settings.log },
  });
  const words = new BigInt64Array(sharedPositions);
  const stored = (): Map<number, number> =>
    new Map(all.map((one) => [one, Number(Atomics.load(words, one))]));
  const lag = watchStoreLag(
    { stream, clock, partitions: () => all, stored },
    { topic: TOPIC_EVENTS, lookMs: LAG_LOOK_MS, pressedMs: PRESSED_MS },
  );
  const failures = meter.counter({
    name: 'millrace_transformer_job_disk_look_failures_total',
    help: 'Looks at the room on the disks that failed: jobs rest until one succeeds.',
    labels: ['thread'],
  });
  const onFailed = (): void => failures.add(1, { thread: number });
  // Each thread looks for itself, and one of them tells.
  const teller = number === 0 ? log : silentLog;
  const disk = await watchDisk({ clock, log: teller, onFailed }, Object.values(directories));
  const { whyFull } = disk;
  const onUnusable = (partition: number, why: string): void =>
    log.warn(
      { partition, why },
      'The archive does not help: a job begins with what the log holds.',
    );
  const binding = createFileBinding({ stream, logDirectory: directories.log });
  // A job that began without what is only away would have lost it for good.
  const whole = await openWithArchive({ stream, binding, onUnusable }, settings.archive);
  const events = createJobEvents(log, meter);
  const jobs = createJobs(
    { stream: whole, places, clock, events, isPressed: lag.isPressed, whyFull },
    { ...DEFAULT_JOB_SETTINGS, sliceMs: SLICE_MS },
    owned,
  );
  void jobs.run();
  const close = async (): Promise<void> => {
    await jobs.stop();
    await lag.stop();
    await disk.stop();
    await stream.close();
    await places.close();
  };
  return { jobs, close };
}

const opening = open();
// Whoever looks is told.
opening.catch(() => undefined);

createThreadLink(parentPort, {
  look: async () => {
    const { jobs } = await opening;
    return {
      statuses: jobs.statuses(),
      heldFrom: all.map((one) => (owned.includes(one) ? jobs.heldFrom(one) : Infinity)),
      isIdle: jobs.isIdle(),
    };
  },
  measure: () => meter.measurements(),
  exposition: () => meter.exposition(),
  close: async () => await (await opening).close(),
} satisfies Readonly<Record<keyof JobsThread, unknown>>);
