import { ArchiveWatch } from '@millrace/archive';
import {
  errorText,
  settlesWithin,
  type ArchiveStatus,
  type Clock,
  type Log,
  type Measurement,
} from '@millrace/runtime';
import type { ArchiveThread, ArchiveThreadData } from './archive-thread.ts';
import { startMeasured, type MeasuredThread } from './start-thread.ts';
import type { ThreadData } from './thread-data.ts';

/** Archives the log in a thread of its own, or looks whether that is to be done. */
export interface ArchiveHost {
  /** Undefined: there is no archive, and there is to be none. */
  statuses(): ArchiveStatus[] | undefined;
  measure(): Promise<Measurement[]>;
  exposition(): Promise<string>;
  /** Ends the thread, whatever it is doing: what is not complete does not count. */
  close(): Promise<void>;
}

type HostComponents = Readonly<{
  /** Which log each partition is of, as far as it is known. */
  logIds: () => Promise<(string | undefined)[]>;
  clock: Clock;
  log: Log;
}>;

type Running = MeasuredThread<ArchiveThread>;

const LOOK_MS = 1000;
/** After the thread broke down: whatever did that may do it again. */
const RESTART_MS = 10_000;
/** How long the request under way may take to end. */
const CLOSE_MS_MAX = 2000;

export function createArchiveHost(
  components: HostComponents,
  data: Pick<ThreadData, 'directories' | 'sharedLog' | 'settings' | 'colours'>,
): ArchiveHost {
  return new OpenArchiveHost(components, data);
}

/** Where no archive is set: to tell whether the log is bound to one all the same. */
export function watchArchive(
  parts: ConstructorParameters<typeof ArchiveWatch>[0],
  partitions: readonly number[],
): ArchiveHost {
  const watch = new ArchiveWatch(parts);
  void watch.run();
  return {
    statuses: () => watch.statuses(partitions),
    measure: async () => [],
    exposition: async () => '',
    close: () => watch.stop(),
  };
}

class OpenArchiveHost implements ArchiveHost {
  readonly #components: HostComponents;
  readonly #data: Parameters<typeof createArchiveHost>[1];
  readonly #stopping = new AbortController();
  readonly #looking: Promise<void>;
  #running: Running | undefined;
  #statuses: ArchiveStatus[] = [];
  #isFailing = false;

  constructor(components: HostComponents, data: Parameters<typeof createArchiveHost>[1]) {
    this.#components = components;
    this.#data = data;
    this.#looking = this.#lookOn();
  }

  statuses(): ArchiveStatus[] {
    return this.#statuses;
  }

  async measure(): Promise<Measurement[]> {
    return (await this.#running?.measure()) ?? [];
  }

  async exposition(): Promise<string> {
    return (await this.#running?.exposition()) ?? '';
  }

  async close(): Promise<void> {
    const { clock } = this.#components;
    this.#stopping.abort();
    await settlesWithin(clock, CLOSE_MS_MAX, this.#looking);
    const running = this.#running;
    if (running === undefined) return;
    await settlesWithin(clock, CLOSE_MS_MAX, running.link.call('close'));
    await this.#terminate();
  }

  async #lookOn(): Promise<void> {
    const { clock, log, logIds } = this.#components;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      let waitMs = LOOK_MS;
      try {
        this.#running ??= this.#start();
        this.#statuses = await this.#running.link.call('look', await logIds());
        this.#isFailing = false;
      } catch (error) {
        waitMs = RESTART_MS;
        if (!this.#isFailing && !signal.aborted) {
          log.warn(
            { error: errorText(error) },
            'The log is not archived now; it keeps what is not, and it is tried again.',
          );
        }
        this.#isFailing = true;
        await this.#terminate();
      }
      await clock.sleep(waitMs, signal).catch(() => undefined);
    }
  }

  #start(): Running {
    const { directories, sharedLog, settings, colours } = this.#data;
    const { partitions, log, logging, archive } = settings;
    const workerData: ArchiveThreadData = {
      ...{ directories, sharedLog, colours },
      settings: { partitions, log, logging, archive },
    };
    const entry = new URL('./archive-thread.js', import.meta.url);
    return startMeasured(entry, { workerData }, threadEnded);
  }

  async #terminate(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    await running?.end();
  }
}

function threadEnded(why: string, cause?: unknown): Error {
  return new Error(`the archive thread is gone: ${why}`, { cause });
}
