import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { MessageChannel, Worker } from 'node:worker_threads';
import { candidatesWithJobs, HistoryReader } from '@millrace/control';
import {
  diskRoom,
  errorText,
  type Clock,
  type DiskRoom,
  type JobStatus,
  type Log,
  type Measurement,
} from '@millrace/runtime';
import { TOPIC_SERIES } from '@millrace/stream';
import type { SegmentStream } from '@millrace/stream/segment';
import type { JobsLook, JobsThread, JobsThreadData } from './jobs-thread.ts';
import type { ThreadData } from './thread-data.ts';
import { createThreadLink, type ThreadLink } from './thread-link.ts';

/** Does jobs in a thread of its own, which is there only while there are some to do. */
export interface JobsHost {
  statuses(): JobStatus[];
  /**
   * Below it no job needs an event of the partition any more, as far as it is known. On a full disk
   * jobs hold nothing that is past its retention: what arrives goes first.
   */
  heldFrom(partition: number): number;
  measure(): Promise<Measurement[]>;
  exposition(): Promise<string>;
  /** Lets the thread commit what it has folded, and ends it. */
  close(): Promise<void>;
}

type HostComponents = Readonly<{
  stream: SegmentStream;
  clock: Clock;
  log: Log;
  /** Of the log's volume. */
  roomOf?: (path: string) => Promise<DiskRoom>;
  /** Of the thread; left out: the built one beside this file. */
  entry?: URL;
}>;

const BUILT_ENTRY = new URL('./jobs-thread.js', import.meta.url);

type HostData = Pick<
  ThreadData,
  'directories' | 'sharedLog' | 'sharedPositions' | 'settings' | 'colours'
>;

interface Running {
  link: ThreadLink<JobsThread>;
  worker: Worker;
}

const LOOK_MS = 1000;
/** After the thread broke down: whatever did that may do it again. */
const RESTART_MS = 10_000;
/** How long it may take to commit what is folded. */
const CLOSE_MS_MAX = 3000;

/** `stream` is that of the thread which owns `metrics.series`. */
export function createJobsHost(components: HostComponents, data: HostData): JobsHost {
  return new OpenJobsHost(components, data);
}

class OpenJobsHost implements JobsHost {
  readonly #components: HostComponents;
  readonly #data: HostData;
  readonly #history: HistoryReader;
  readonly #stopping = new AbortController();
  readonly #looking: Promise<void>;
  #running: Running | undefined;
  #look: JobsLook | undefined;
  /** Candidates whose jobs were all seen to be over. */
  #done: ReadonlySet<number> = new Set();
  #isFailing = false;
  #isDiskFull = false;

  constructor(components: HostComponents, data: HostData) {
    this.#components = components;
    this.#data = data;
    this.#history = new HistoryReader(components.stream);
    this.#looking = this.#lookOn();
  }

  statuses(): JobStatus[] {
    return this.#look?.statuses ?? [];
  }

  heldFrom(partition: number): number {
    return this.#isDiskFull ? Infinity : (this.#look?.heldFrom[partition] ?? 0);
  }

  async measure(): Promise<Measurement[]> {
    return (await this.#running?.link.call('measure').catch(() => undefined)) ?? [];
  }

  async exposition(): Promise<string> {
    return (await this.#running?.link.call('exposition').catch(() => undefined)) ?? '';
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#looking;
    await this.#end();
  }

  async #lookOn(): Promise<void> {
    const { clock, log } = this.#components;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      let waitMs = LOOK_MS;
      try {
        await this.#lookOnce();
        this.#isFailing = false;
      } catch (error) {
        if (signal.aborted) break;
        waitMs = RESTART_MS;
        if (!this.#isFailing) {
          log.warn({ error: errorText(error) }, 'Jobs are held up; they are looked at again.');
        }
        this.#isFailing = true;
        await this.#terminate();
      }
      await clock.sleep(waitMs, signal).catch(() => undefined);
    }
  }

  async #lookOnce(): Promise<void> {
    const { newest } = await this.#history.read(this.#stopping.signal);
    const candidates = candidatesWithJobs(newest?.candidates ?? []).map(({ number }) => number);
    if (candidates.length === 0) {
      await this.#end();
      this.#isDiskFull = false;
      this.#look = nothingToDo(this.#data.settings.partitions);
      await this.#removeAll();
      return;
    }
    await this.#lookAtDisk();
    const isDone = candidates.every((candidate) => this.#done.has(candidate));
    const isGone = [...this.#done].some((candidate) => !candidates.includes(candidate));
    if (this.#running === undefined && isDone && !isGone) return;
    this.#running ??= this.#start();
    const look = await untilAborted(this.#running.link.call('look'), this.#stopping.signal);
    this.#look = look;
    const told = new Set(look.statuses.map(({ candidate }) => candidate));
    if (!look.isIdle || !candidates.every((candidate) => told.has(candidate))) return;
    this.#done = new Set(candidates);
    await this.#end();
  }

  async #lookAtDisk(): Promise<void> {
    const { log, roomOf = diskRoom } = this.#components;
    const { freeBytes, keptFreeBytes } = await roomOf(this.#data.directories.log);
    const isFull = freeBytes < keptFreeBytes;
    if (isFull && !this.#isDiskFull) {
      const fields = { freeBytes, keptFreeBytes };
      log.warn(fields, 'The disk is full: events past their retention are not kept for jobs.');
    }
    this.#isDiskFull = isFull;
  }

  /** Of candidates that were dropped or promoted: when there are no others, nobody has it open. */
  async #removeAll(): Promise<void> {
    const { jobs } = this.#data.directories;
    if (existsSync(jobs)) await rm(jobs, { recursive: true, force: true });
  }

  #start(): Running {
    const { stream } = this.#components;
    const { directories, sharedLog, sharedPositions, settings, colours } = this.#data;
    const channel = new MessageChannel();
    stream.serveAppends(TOPIC_SERIES, channel.port1);
    // Whoever waits for an append holds the process; this port alone must not.
    channel.port1.unref();
    const { partitions, log, logging, archive } = settings;
    const workerData: JobsThreadData = {
      ...{ directories, sharedLog, sharedPositions, colours },
      settings: { partitions, log, logging, archive },
      port: channel.port2,
    };
    const { entry } = this.#components;
    const worker = new Worker(entry ?? BUILT_ENTRY, {
      workerData,
      // What a test runs under is not for what is built.
      ...(entry === undefined ? {} : { execArgv: [] }),
      transferList: [channel.port2],
    });
    const link = createThreadLink<JobsThread>(worker, {});
    worker.once('error', (error) => link.close(error));
    worker.once('exit', (code) => link.close(new Error(`the jobs thread ended with code ${code}`)));
    return { link, worker };
  }

  async #end(): Promise<void> {
    const { clock } = this.#components;
    const running = this.#running;
    if (running === undefined) return;
    const late = new AbortController();
    const closing = running.link.call('close').catch(() => undefined);
    const waiting = clock.sleep(CLOSE_MS_MAX, late.signal).catch(() => undefined);
    await Promise.race([closing, waiting]);
    late.abort();
    await this.#terminate();
  }

  async #terminate(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    running?.link.close(new Error('the jobs thread was told to end'));
    await running?.worker.terminate();
  }
}

/** Whoever stops does not wait for a thread that is still opening its files. */
async function untilAborted<T>(doing: Promise<T>, signal: AbortSignal): Promise<T> {
  let abort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason as Error);
  });
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([doing, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function nothingToDo(partitions: number): JobsLook {
  return {
    statuses: [],
    heldFrom: Array.from({ length: partitions }, () => Infinity),
    isIdle: true,
  };
}
