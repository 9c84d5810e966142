import { createBackoff } from '../time/backoff.ts';
import { urlOf } from '../settings/choose-port.ts';
import { systemClock, type Clock } from '../time/clock.ts';
import { createConsoleLog } from '../log/console-log.ts';
import { DependencyWait } from '../health/dependency-wait.ts';
import { errorText } from '../errors.ts';
import {
  startHealthServer,
  type HealthServer,
  type HealthSource,
} from '../health/health-server.ts';
import type { Log } from '../log/log.ts';
import type { Meter } from '../metrics/meter.ts';
import { createProcessMeter } from '../metrics/process-meter.ts';
import type { ProcessSettings } from '../settings/process-settings.ts';
import { createQuietLog } from '../log/quiet-log.ts';

/** What a stage's process gives to whoever composes it. */
export interface StageHost {
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  /** Aborts when the process is asked to stop. */
  readonly stopping: AbortSignal;
  /** Waits for what has to be there before the stage can run. */
  readonly wait: DependencyWait;
  /** Closed when the process ends, the last one first. */
  onClose(close: () => Promise<unknown>): void;
  /** What to tell from now on, in place of what is waited for. */
  show(source: Pick<HealthSource, 'health' | 'status'>): void;
  /** Takes the place of the host's own listener, on its port, once that is closed. */
  listenInstead<T>(listen: (port: number) => Promise<T>): Promise<T>;
}

/** A stage that was composed. */
export interface HostedStage {
  /** Rejects when it breaks down; resolves when it was stopped. */
  run(): Promise<void>;
  /** Finishes what is under way. */
  stop(): Promise<void>;
}

export interface StageProcessParams {
  /** `transformer`: how log lines and metrics name it. */
  name: string;
  settings: ProcessSettings;
  /** Where to listen for those who look after the process. */
  port: number;
  /** Whether senders may come here: then they are told to come again while it is not ready. */
  takesData?: boolean;
  /** Aborts when the process is asked to stop. */
  stopping: AbortSignal;
  colours: boolean;
}

/**
 * Runs a stage as a process of its own: answers for it from the first moment on, waits for what it
 * needs however long that is away, runs it, and stops it within `stopMsMax`. Resolves when it has
 * stopped; rejects when it broke down, or when its settings are wrong.
 */
export async function runStageProcess(
  params: StageProcessParams,
  compose: (host: StageHost) => Promise<HostedStage>,
): Promise<void> {
  const { name, settings, stopping, colours } = params;
  const { level, format } = settings.logging;
  const chosen = format === 'auto' ? (process.stderr.isTTY ? 'text' : 'json') : format;
  const logging = { level, format: chosen } as const;
  const lines = createConsoleLog({ logging, colours, fields: { stage: name } });
  const log = createQuietLog(lines, { clock: systemClock });
  const host = new OpenStageHost(params, log);
  await host.listen();
  let stage: HostedStage | undefined;
  try {
    stage = await compose(host);
    const running = stage.run();
    await Promise.race([running, aborted(stopping)]);
    // By itself it ends only when it breaks down.
    if (!stopping.aborted) throw new Error(`the ${name} ended without having been stopped`);
  } catch (error) {
    if (!stopping.aborted) {
      log.error({ error: errorText(error) }, 'Stopping, because the stage broke down.');
      await host.close(stage, settings.stopMsMax);
      throw error;
    }
  }
  await host.close(stage, settings.stopMsMax);
}

class OpenStageHost implements StageHost {
  readonly clock: Clock = systemClock;
  readonly log: Log;
  readonly meter: Meter = createProcessMeter();
  readonly stopping: AbortSignal;
  readonly wait: DependencyWait;
  readonly #params: StageProcessParams;
  readonly #closers: (() => Promise<unknown>)[] = [];
  #shown: Pick<HealthSource, 'health' | 'status'> | undefined;
  #server: HealthServer | undefined;

  constructor(params: StageProcessParams, log: Log) {
    this.#params = params;
    this.log = log;
    this.stopping = params.stopping;
    const backoff = (): ReturnType<typeof createBackoff> =>
      createBackoff({ clock: this.clock }, { delayMsMin: 200, delayMsMax: 5000 });
    this.wait = new DependencyWait({ log, signal: params.stopping, createBackoff: backoff });
  }

  onClose(close: () => Promise<unknown>): void {
    this.#closers.unshift(close);
  }

  show(source: Pick<HealthSource, 'health' | 'status'>): void {
    this.#shown = source;
  }

  async listen(): Promise<void> {
    const { settings, port, takesData = false, name } = this.#params;
    const source: HealthSource = {
      health: () => {
        if (this.stopping.aborted) return { ready: false, dependencies: [] };
        return this.#shown?.health() ?? { ready: false, dependencies: this.wait.dependencies };
      },
      status: () =>
        this.#shown?.status() ?? { stage: name, ready: false, waiting: this.wait.dependencies },
      exposition: () => this.meter.exposition(),
    };
    const where = { host: settings.http.host, port, log: this.log, isBusy: takesData };
    this.#server = await startHealthServer(source, where);
    const url = urlOf(this.#server);
    if (!takesData) this.log.info({ url }, 'Health, status and metrics are here.');
  }

  async listenInstead<T>(listen: (port: number) => Promise<T>): Promise<T> {
    const port = this.#server?.port ?? this.#params.port;
    await this.#server?.close();
    this.#server = undefined;
    return await listen(port);
  }

  /** In bounded time: what is not done then is done by others, or at the next start. */
  async close(stage: HostedStage | undefined, msMax: number): Promise<void> {
    const { clock, log } = this;
    const startedUs = clock.nowUs();
    const over = new AbortController();
    const late = clock.sleep(msMax, over.signal).then(
      () => true,
      () => false,
    );
    const isLate = await Promise.race([late, this.#closeAll(stage).then(() => false)]);
    over.abort();
    const tookMs = Math.round((clock.nowUs() - startedUs) / 1000);
    if (isLate) log.warn({ tookMs }, 'Stopping took too long; others do what is left.');
    else log.info({ tookMs }, 'Stopped cleanly.');
  }

  async #closeAll(stage: HostedStage | undefined): Promise<void> {
    const closers = [async () => await stage?.stop(), ...this.#closers];
    for (const close of closers) {
      try {
        await close();
      } catch (error) {
        this.log.warn({ error: errorText(error) }, 'Something could not be closed in order.');
      }
    }
    await this.#server?.close();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
