import { existsSync, mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import { candidatesWithJobs, HistoryReader } from '@millrace/control';
import {
  diskRoom,
  errorText,
  settlesWithin,
  type Clock,
  type DiskRoom,
  type JobStatus,
  type Log,
  type Measurement,
} from '@millrace/runtime';
import { TOPIC_SERIES } from '@millrace/stream';
import type { SegmentStream } from '@millrace/stream/segment';
import { joinExpositions } from './join-expositions.ts';
import type { JobsLook, JobsThread, JobsThreadData } from './jobs-thread.ts';
import { startMeasured, type MeasuredThread } from './start-thread.ts';
import type { ThreadData } from './thread-data.ts';

/** Does jobs in threads of their own, which are there only while there are some to do. */
export interface JobsHost {
  statuses(): JobStatus[];
  /**
   * Below it no job needs an event of the partition any more, as far as it is known. On a full disk
   * jobs hold nothing that is past its retention: what arrives goes first.
   */
  heldFrom(partition: number): number;
  measure(): Promise<Measurement[]>;
  exposition(): Promise<string>;
  /** Lets the threads commit what they have folded, and ends them. */
  close(): Promise<void>;
}

type HostComponents = Readonly<{
  stream: SegmentStream;
  clock: Clock;
  log: Log;
  /** Of the log's volume. */
  roomOf?: (path: string) => Promise<DiskRoom>;
  /** Of the threads; left out: the built one beside this file. */
  entry?: URL;
}>;

const BUILT_ENTRY = new URL('./jobs-thread.js', import.meta.url);

type HostData = Pick<
  ThreadData,
  'directories' | 'sharedLog' | 'sharedPositions' | 'settings' | 'colours'
>;

type Running = MeasuredThread<JobsThread>;

const LOOK_MS = 1000;
/** Each holds the state of a partition; and what arrives needs processors as well. */
const THREADS_MAX = 4;
/** After a thread broke down: whatever did that may do it again. */
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
  #running: readonly Running[] = [];
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
    return (await Promise.all(this.#running.map(({ measure }) => measure()))).flat();
  }

  async exposition(): Promise<string> {
    return joinExpositions(await Promise.all(this.#running.map(({ exposition }) => exposition())));
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
      try {
        await this.#lookOnce();
        this.#isFailing = false;
        await this.#wait();
      } catch (error) {
        if (signal.aborted) break;
        if (!this.#isFailing) {
          log.warn({ error: errorText(error) }, 'Jobs are held up; they are looked at again.');
        }
        this.#isFailing = true;
        await this.#terminate();
        await clock.sleep(RESTART_MS, signal).catch(() => undefined);
      }
    }
  }

  /** While there is nothing to do, whoever begins a candidate need not wait for the next look. */
  async #wait(): Promise<void> {
    const { clock } = this.#components;
    const { signal } = this.#stopping;
    if (this.#running.length > 0) await clock.sleep(LOOK_MS, signal);
    else await this.#history.more(LOOK_MS, signal);
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
    this.#stopping.signal.throwIfAborted();
    const isDone = candidates.every((candidate) => this.#done.has(candidate));
    const isGone = [...this.#done].some((candidate) => !candidates.includes(candidate));
    if (this.#running.length === 0 && isDone && !isGone) return;
    if (this.#running.length === 0) this.#running = this.#startAll();
    const asked = Promise.all(this.#running.map(({ link }) => link.call('look')));
    const looks = await untilAborted(asked, this.#stopping.signal);
    this.#look = joinLooks(looks, this.#data.settings.partitions);
    const isTold = ({ statuses }: JobsLook): boolean =>
      candidates.every((number) => statuses.some(({ candidate }) => candidate === number));
    if (!this.#look.isIdle || !looks.every(isTold)) return;
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

  /** Each has partitions of its own: as many at once as there are processors, or were. */
  #startAll(): Running[] {
    const { partitions } = this.#data.settings;
    const count = this.#threadCount();
    return Array.from({ length: count }, (_, number) => {
      const all = Array.from({ length: partitions }, (__, partition) => partition);
      return this.#start(
        number,
        all.filter((partition) => partition % count === number),
      );
    });
  }

  /** What a partition's jobs have lies with its thread: so there are as many as there were. */
  #threadCount(): number {
    const { directories, settings } = this.#data;
    const of = (number: number): string => join(directories.jobs, String(number));
    const most = Math.min(settings.partitions, THREADS_MAX);
    let count = 0;
    while (count < most && existsSync(of(count))) count += 1;
    if (count === 0) count = Math.min(most, availableParallelism());
    for (let i = 0; i < count; i += 1) mkdirSync(of(i), { recursive: true, mode: 0o700 });
    return count;
  }

  #start(number: number, owned: readonly number[]): Running {
    const { stream } = this.#components;
    const { directories, sharedLog, sharedPositions, settings, colours } = this.#data;
    const channel = new MessageChannel();
    stream.serveAppends(TOPIC_SERIES, channel.port1);
    // Whoever waits for an append holds the process; this port alone must not.
    channel.port1.unref();
    const { partitions, log, logging, archive } = settings;
    const workerData: JobsThreadData = {
      ...{ directories, sharedLog, sharedPositions, colours, number, owned },
      settings: { partitions, log, logging, archive },
      port: channel.port2,
    };
    const { entry } = this.#components;
    const options = {
      workerData,
      // What a test runs under is not for what is built.
      ...(entry === undefined ? {} : { execArgv: [] }),
      transferList: [channel.port2],
    };
    return startMeasured(entry ?? BUILT_ENTRY, options, threadEnded);
  }

  async #end(): Promise<void> {
    const { clock } = this.#components;
    if (this.#running.length === 0) return;
    const closing = Promise.allSettled(this.#running.map(({ link }) => link.call('close')));
    await settlesWithin(clock, CLOSE_MS_MAX, closing);
    await this.#terminate();
  }

  async #terminate(): Promise<void> {
    const running = this.#running;
    this.#running = [];
    await Promise.all(running.map((one) => one.end()));
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

function joinLooks(looks: readonly JobsLook[], partitions: number): JobsLook {
  const statuses = looks.flatMap((look) => look.statuses);
  return {
    statuses: statuses.toSorted((a, b) => a.candidate - b.candidate || a.partition - b.partition),
    heldFrom: Array.from({ length: partitions }, (_, partition) => {
      return Math.min(...looks.map(({ heldFrom }) => heldFrom[partition]!));
    }),
    isIdle: looks.every(({ isIdle }) => isIdle),
  };
}

function threadEnded(why: string, cause?: unknown): Error {
  return new Error(`the jobs thread is gone: ${why}`, { cause });
}

function nothingToDo(partitions: number): JobsLook {
  return {
    statuses: [],
    heldFrom: Array.from({ length: partitions }, () => Infinity),
    isIdle: true,
  };
}
