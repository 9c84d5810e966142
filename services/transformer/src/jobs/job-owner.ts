import {
  createBackoff,
  errorKind,
  type MillraceError,
  type Backoff,
  type Clock,
  type JobStatus,
  type Turns,
} from '@millrace/runtime';
import { JOB_OVER_POSITION, type JobsOrder } from '@millrace/control';
import type { StatePlaces } from '@millrace/state';
import type { Producer, Stream } from '@millrace/stream';
import { loadAgainWhenOutdated } from '../take-over.ts';
import type { Job } from './job.ts';
import { LogCutError } from './job-errors.ts';
import type { JobEvents, JobKey } from './job-events.ts';
import { JobProgress } from './job-progress.ts';
import { workOnJob } from './job-session.ts';
import type { JobSettings } from './job-settings.ts';

export interface JobOwnerParts {
  stream: Stream;
  places: StatePlaces;
  producer: Producer;
  clock: Clock;
  events: JobEvents;
  settings: JobSettings;
  /** How many fold at a time. */
  turns: Turns;
  isPressed?: () => boolean;
  whyFull?: () => MillraceError | undefined;
}

const PAUSED_LOOK_MS = 500;

/** Does one job until it is over or stopped. It never rejects: live folding must not end with it. */
export class JobOwner {
  readonly key: JobKey;
  readonly #job: Job;
  readonly #parts: JobOwnerParts;
  /** How it is to go on; asked all the time. */
  readonly #order: () => JobsOrder;
  readonly #backoff: Backoff;
  readonly #progress: JobProgress;
  readonly #stopping = new AbortController();
  readonly #killing = new AbortController();

  constructor(key: JobKey, job: Job, parts: JobOwnerParts & Readonly<{ order: () => JobsOrder }>) {
    const { clock, order } = parts;
    this.key = key;
    this.#job = job;
    this.#parts = parts;
    this.#order = order;
    this.#backoff = createBackoff({ clock });
    this.#progress = new JobProgress(key, parts);
  }

  get status(): JobStatus {
    return this.#progress.jobStatus;
  }

  stop(): void {
    this.#stopping.abort();
  }

  /** Gives up at once; whoever is next folds again what was not committed. */
  kill(): void {
    this.#stopping.abort();
    this.#killing.abort();
  }

  /** Resolves when it is over, or was told to stop. */
  async run(): Promise<void> {
    const { clock, events } = this.#parts;
    const { signal } = this.#stopping;
    const progress = this.#progress;
    try {
      while (!signal.aborted && !progress.isOver) {
        try {
          progress.isPaused = this.#order().isPaused;
          const full = this.#parts.whyFull?.();
          if (!progress.isPaused && full === undefined) await this.#workInTurn();
          else {
            if (full !== undefined) this.#restFor(full);
            await clock.sleep(PAUSED_LOOK_MS, signal);
          }
        } catch (error) {
          await this.#waitAfter(error);
        }
      }
    } finally {
      if (!progress.isOver) events.gone(this.key);
    }
  }

  #restFor(full: MillraceError): void {
    if (this.#progress.waitsFor !== full.code) this.#parts.events.rests(this.key, full);
    this.#progress.waiting(full);
  }

  async #workInTurn(): Promise<void> {
    const { turns, places } = this.#parts;
    const { key } = this;
    const giveBack = await turns.take(this.#stopping.signal);
    try {
      await workOnJob({
        ...this.#parts,
        ...{ key, job: this.#job, progress: this.#progress, backoff: this.#backoff },
        store: await places.at(key.candidate),
        isToRest: () =>
          this.#stopping.signal.aborted ||
          this.#order().isPaused ||
          this.#parts.whyFull?.() !== undefined,
        stopping: this.#stopping.signal,
        killing: this.#killing.signal,
      });
    } catch (error) {
      loadAgainWhenOutdated(error, key.partition);
    } finally {
      giveBack();
    }
  }

  async #waitAfter(error: unknown): Promise<void> {
    const { events, clock, settings } = this.#parts;
    const { signal } = this.#stopping;
    const progress = this.#progress;
    const kind = errorKind(error);
    if (kind === 'aborted') return;
    if (kind === 'permanent' || kind === 'defect') {
      // Also a defect: whoever folds what arrives goes on.
      if (!progress.isStoppedFor(error)) events.stopped(this.key, error);
      progress.stopped(error);
      // It noted that it needs no event.
      if (error instanceof LogCutError) progress.committedPosition = JOB_OVER_POSITION;
      await clock.sleep(settings.lookAgainMs, signal).catch(() => undefined);
      return;
    }
    if (kind === 'outrun') events.outrun(this.key);
    else {
      events.retried(this.key, 'read', error);
      progress.waiting(error);
    }
    await this.#backoff.wait(signal).catch(() => undefined);
  }
}
