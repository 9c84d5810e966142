import type { Clock, JobStatus } from '@millrace/runtime';
import { JOB_OVER_POSITION, type JobsOrder } from '@millrace/control';
import { OwnerProgress } from '../owner-progress.ts';
import type { JobKey } from './job-events.ts';
import type { JobSettings } from './job-settings.ts';
import { Pace, Rate } from './pace.ts';

/**
 * Windows end together: what is put out of a minute comes at once, and nothing while the next one
 * is folded. That is time in which it could have been published, too.
 */
const SAVED_MS_MAX = 1000;

/** How far a job is, what keeps it, and how fast it may go. */
export class JobProgress extends OwnerProgress {
  readonly samples: Pace;
  readonly published: Pace;
  readonly rate: Rate;
  isPaused = false;
  /** Nothing before it is needed any more, whatever happens. */
  committedPosition: number | undefined;
  readonly #clock: Clock;
  readonly #key: JobKey;
  #isOver = false;

  constructor(
    key: JobKey,
    parts: Readonly<{ clock: Clock; settings: JobSettings; order: () => JobsOrder }>,
  ) {
    super(key.partition);
    const { clock, settings, order } = parts;
    this.#key = key;
    this.#clock = clock;
    this.samples = new Pace(clock, () => order().samplesPerSecondMax);
    const bytesPerSecondMax = (): number => settings.publishedBytesPerSecondMax;
    this.published = new Pace(clock, bytesPerSecondMax, SAVED_MS_MAX);
    this.rate = new Rate(clock);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  over(): void {
    this.#isOver = true;
    this.running();
    this.endOffset = this.position;
    this.committedPosition = JOB_OVER_POSITION;
  }

  get jobStatus(): JobStatus {
    const { state, reason, position, endOffset } = this.status(this.#clock.nowUs());
    const { committedPosition } = this;
    return {
      ...this.#key,
      state: this.#stateOf(state),
      ...(reason === undefined || this.#isOver ? {} : { reason }),
      position,
      endPosition: endOffset,
      samplesPerSecond: this.rate.perSecond,
      ...(committedPosition === undefined ? {} : { committedPosition }),
    };
  }

  #stateOf(state: ReturnType<OwnerProgress['status']>['state']): JobStatus['state'] {
    if (this.#isOver) return 'over';
    if (this.isPaused) return 'paused';
    return state === 'starting' ? 'waiting' : state;
  }
}
