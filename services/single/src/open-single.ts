import { createCompletionSchedule } from '@millrace/complete';
import {
  choosePort,
  createProcessMeter,
  dependenciesOf,
  errorText,
  identifyProcess,
  PartitionWatch,
  urlOf,
  type Clock,
  type Dependency,
  type DirectoryLock,
  type Log,
  type Meter,
} from '@millrace/runtime';
import { watchStore, type StoreWatch } from '@millrace/store/postgres';
import { directoryBytes } from './directory-bytes.ts';
import type { DataDirectory } from './running/data-directory.ts';
import type { RuleFileContent } from './running/rule-file.ts';
import { removeRunFile, writeRunFile, type RunFile } from './running/run-file.ts';
import { createSelfMetrics, type SelfMetrics } from './self-metrics.ts';
import type { SingleSettings } from './settings.ts';
import type { SingleStatus } from './running/single-status.ts';
import {
  expositionOf,
  inOrder,
  measurementsOf,
  measureSilence,
  releaseEvents,
  statusesOf,
} from './threads/stage-group.ts';
import { completingInThread } from './threads/completing.ts';
import type { CompletingThreadData } from './threads/completing-thread.ts';
import { startStageThreads, type StageThreads } from './threads/stage-threads.ts';
import { stopStages } from './threads/stop-stages.ts';
import { lookAtLedger, lookAtStore } from './store-look.ts';
import { startStoreServer, type StoreServer } from './store-server.ts';
import type { ListenAddress } from './threads/thread-data.ts';
import { version } from './running/version.ts';

/** Millrace in one process, running. */
export interface Single {
  /** What `run.json` says. */
  readonly info: RunFile;
  /** Rejects when a stage broke down: then `stop`, exit, and let the next start recover. */
  readonly failed: Promise<never>;
  status(): Promise<SingleStatus>;
  /** Finishes what is under way, in bounded time, and closes everything. False: not all was done. */
  stop(): Promise<boolean>;
}

export interface SingleParts {
  settings: SingleSettings;
  directory: DataDirectory;
  /** Of the rule file; undefined: there is none, and what is in force stays. */
  rules: RuleFileContent | undefined;
  lock: DirectoryLock;
  log: Log;
  clock: Clock;
  colours: boolean;
}

const LOOK_MS = 1000;
/** How long whoever asks for checkpoints waits for them. */
const CHECKPOINT_MS_MAX = 600_000;
/** How often the log is told which events are folded and stored for good. */
const RELEASE_MS = 10_000;

const COMPLETING_ENTRY = new URL('./threads/completing-thread.js', import.meta.url);

export class OpenSingle implements Single {
  readonly failed: Promise<never>;
  readonly #parts: SingleParts;
  readonly #meter: Meter = createProcessMeter();
  readonly #watch: PartitionWatch;
  readonly #threads: StageThreads;
  readonly #started = new Date().toISOString();
  /** Ends what is repeated. */
  readonly #ending = new AbortController();
  #isBroken = false;
  /** Settles however the start of the store ends: closing waits for it. */
  #storeStart: Promise<StoreServer> | undefined;
  #store: StoreServer | undefined;
  #storeWatch: StoreWatch | undefined;
  #selfMetrics: SelfMetrics | undefined;
  #info: RunFile | undefined;
  #url = '';
  #loops: Promise<unknown> = Promise.resolve();
  #completing: Promise<void> = Promise.resolve();
  #stopped: Promise<boolean> | undefined;
  readonly #abandonStore = (): void => this.#store?.abandon();

  constructor(parts: SingleParts) {
    this.#parts = parts;
    this.#watch = new PartitionWatch(parts.log);
    let reject: (error: Error) => void = () => undefined;
    this.failed = new Promise<never>((_, rejectFailed) => {
      reject = rejectFailed;
    });
    // Until somebody looks at it; what breaks down during the start rejects there.
    this.failed.catch(() => undefined);
    this.#threads = startStageThreads({
      ...parts,
      supervisor: {
        status: () => this.status(),
        checkpoint: () =>
          this.#threads.transformer.link.call('checkpoint', {
            isAsked: true,
            msMax: CHECKPOINT_MS_MAX,
          }),
        ledger: () => lookAtLedger(this.#store?.connection),
        exposition: () => expositionOf(this.#threads, this.#meter),
      },
      onFailed: (_stage, error) => {
        this.#isBroken = true;
        reject(error);
      },
    });
    measureSilence(this.#threads, this.#meter);
    process.once('exit', this.#abandonStore);
  }

  get info(): RunFile {
    if (this.#info === undefined) throw new Error('it does not run yet');
    return this.#info;
  }

  /** Resolves when data is taken and the store runs. */
  async start(): Promise<void> {
    const { settings, directory, log, clock } = this.#parts;
    const { http } = settings;
    const port = await choosePort(http);
    this.#storeStart = startStoreServer({ log, clock }, directory, settings.store);
    this.#storeStart.then(
      (store) => {
        this.#store = store;
        this.#storeWatch = watchStore({ log, clock }, store.connection);
      },
      () => undefined,
    );
    const stateLogIds = await this.#orFailed(this.#openStages());
    const { receiver, transformer, writer } = this.#threads;
    await this.#orFailed(transformer.link.call('run'));
    const listening = receiver.link.call('listen', { host: http.host, port, stateLogIds });
    const address = await this.#orFailed(listening);
    this.#url = urlOf(address);
    this.#loops = Promise.all([
      this.#repeat(LOOK_MS, () => this.#look()),
      this.#repeat(RELEASE_MS, () => releaseEvents(this.#threads)),
    ]);
    // Data is taken from here on, also while a store that crashed takes its time to recover.
    const store = await this.#orFailed(this.#storeStart);
    await this.#orFailed(writer.link.call('run', store.connection));
    this.#completing = this.#complete(store);
    this.#info = this.#describe(address, store);
    await writeRunFile(directory, this.#info);
    this.#pushOwnMetrics(this.#info.url);
  }

  async status(): Promise<SingleStatus> {
    const { directory, settings, clock } = this.#parts;
    const [stages, logBytes, look] = await Promise.all([
      statusesOf(this.#threads),
      directoryBytes(directory.log),
      this.#store === undefined ? {} : lookAtStore(this.#store.connection, clock),
    ]);
    const isRunning = this.#store?.isRunning() === true;
    const problem = this.#storeWatch?.problem;
    return {
      version,
      pid: process.pid,
      started: this.#started,
      url: this.#url,
      directory: directory.path,
      ready: isRunning && problem === undefined && stages.every(({ ready }) => ready),
      stages,
      logBytes,
      store: {
        kind: settings.store.url === undefined ? 'embedded' : 'external',
        isRunning,
        ...(problem === undefined ? {} : { problem }),
        ...look,
      },
    };
  }

  async stop(): Promise<boolean> {
    this.#stopped ??= this.#stop();
    return await this.#stopped;
  }

  async #stop(): Promise<boolean> {
    const { log, clock, settings } = this.#parts;
    this.#ending.abort();
    const quiet = Promise.all([this.#selfMetrics?.stop(), this.#loops, this.#completing]);
    // A thread that broke down, or a start that did, has nothing left to finish.
    const isClean = !this.#isBroken && this.#info !== undefined;
    const isDone = isClean && (await stopStages({ threads: this.#threads, clock, log }, settings));
    await Promise.all(inOrder(this.#threads).map((thread) => thread.terminate()));
    // Only now: what still waits for an answer of a thread is refused when that ends.
    await quiet;
    await this.#storeStart?.catch(() => undefined);
    await this.#storeWatch?.close();
    await this.#store?.stop();
    process.off('exit', this.#abandonStore);
    await removeRunFile(this.#parts.directory);
    await this.#parts.lock.release();
    return isDone;
  }

  /** The log is recovered before anybody reads it; the other two prepare meanwhile. */
  async #openStages(): Promise<(string | undefined)[]> {
    const { receiver, transformer, writer } = this.#threads;
    const [stateLogIds] = await Promise.all([
      transformer.link.call('open'),
      receiver.link.call('open', this.#parts.rules),
      writer.link.call('open'),
    ]);
    return stateLogIds;
  }

  async #orFailed<T>(doing: Promise<T>): Promise<T> {
    return await Promise.race([doing, this.failed]);
  }

  #describe(address: ListenAddress, store: StoreServer): RunFile {
    const { url: archive } = this.#parts.settings.archive;
    return {
      version,
      pid: process.pid,
      process: identifyProcess(process.pid),
      started: this.#started,
      url: this.#url,
      host: address.host,
      port: address.port,
      ...(store.socket === undefined ? {} : { socket: store.socket }),
      store: store.running,
      directory: this.#parts.directory.path,
      ...(archive === undefined ? {} : { archive }),
    };
  }

  #pushOwnMetrics(url: string): void {
    const { clock, log, settings } = this.#parts;
    const measure = () => measurementsOf(this.#threads, this.#meter);
    this.#selfMetrics = createSelfMetrics(
      { url, clock, log, meter: this.#meter, measure },
      settings.selfMetrics,
    );
    this.#selfMetrics.start();
  }

  async #complete({ connection }: StoreServer): Promise<void> {
    const { directory, settings, clock, log } = this.#parts;
    const { partitions, complete } = settings;
    const { log: logs, state, jobs, postgres } = directory;
    const data: CompletingThreadData = {
      directories: { log: logs, state, jobs, postgres },
      ...{ sharedLog: this.#threads.sharedLog, connection },
      settings: { partitions, log: settings.log, archive: settings.archive },
    };
    const doing = completingInThread(COMPLETING_ENTRY, data);
    const parts = { clock, log, meter: this.#meter, complete: doing };
    await createCompletionSchedule(parts, complete).run(this.#ending.signal);
  }

  async #look(): Promise<void> {
    const stages = await statusesOf(this.#threads);
    this.#watch.look(stages);
    const noted = dependenciesOf(stages, this.#storeDependency());
    await this.#threads.receiver.link.call('note', noted);
  }

  #storeDependency(): Dependency {
    if (this.#store?.isRunning() === true && this.#storeWatch !== undefined) {
      return this.#storeWatch.dependency;
    }
    return { name: 'store', state: 'degraded', detail: 'PostgreSQL does not run yet.' };
  }

  async #repeat(ms: number, doing: () => Promise<void>): Promise<void> {
    const { clock, log } = this.#parts;
    const { signal } = this.#ending;
    let told = '';
    while (!signal.aborted) {
      try {
        await doing();
        told = '';
      } catch (error) {
        const text = errorText(error);
        // Once: it lasts as long as whatever is wrong.
        if (!this.#isBroken && !signal.aborted && text !== told) {
          log.warn({ error: text }, 'A look at the stages failed; it is repeated.');
        }
        told = text;
      }
      await clock.sleep(ms, signal).catch(() => undefined);
    }
  }
}
