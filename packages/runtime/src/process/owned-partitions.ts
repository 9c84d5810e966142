import type { Clock } from '../time/clock.ts';
import { MillraceError } from '../errors.ts';
import { settlesWithin } from '../time/settles-within.ts';
import type { PartitionStatus } from './stage.ts';

/** A stage's work on one partition, from taking it over to letting it go. */
export interface PartitionTask {
  readonly status: PartitionStatus;
  /**
   * Resolves once stopped; rejects with a defect. A reason that only a person can mend is told by
   * `status` and looked at again, slowly.
   */
  run(): Promise<void>;
  /** Asks it to finish what is under way; `run` resolves soon after. */
  stop(): void;
  /** Gives up at once, as a crash would. */
  kill(): void;
}

interface OwnedPartitionsParams<T extends PartitionTask> {
  clock: Clock;
  /** How long a task that was told to stop is waited for before it is given up. */
  letGoMsMax: number;
  create: (partition: number) => T;
  /** Told once for each partition that was not let go in time; it may still do something. */
  onGivenUp: (partition: number) => void;
}

/** One task, and how it ended. */
interface Lane<T> {
  task: T;
  /** Resolves, never rejects, when the task has ended. */
  over: Promise<void>;
  /** Set once it was told to stop; resolves when it has ended or was given up. */
  gone: Promise<void> | undefined;
}

/**
 * The partitions that a stage owns at the moment, each with a task of its own. What was lost is
 * let go in bounded time, and when it is gained again meanwhile, begins anew after that. A task
 * that was given up may run beside its successor for a moment: that is why the stages need no
 * fencing, and must not rely on this for anything but courtesy.
 */
export class OwnedPartitions<T extends PartitionTask> {
  readonly #params: OwnedPartitionsParams<T>;
  readonly #lanes = new Map<number, Lane<T>>();
  #wanted = new Set<number>();
  #isRunning = false;
  #isStopped = false;
  #running: Promise<void> | undefined;
  #failure: { error: unknown } | undefined;
  #settle: () => void = () => undefined;
  #stopping: Promise<void> | undefined;

  constructor(params: OwnedPartitionsParams<T>, partitions: readonly number[] = []) {
    this.#params = params;
    this.#wanted = new Set(partitions);
  }

  /** Those owned, in order; one that is not let go from the last time yet is starting. */
  get statuses(): PartitionStatus[] {
    return [...this.#wanted]
      .toSorted((a, b) => a - b)
      .map((partition) => {
        const lane = this.#lanes.get(partition);
        const isOwned = lane !== undefined && (lane.gone === undefined || this.#isStopped);
        return isOwned ? lane.task.status : startingStatus(partition);
      });
  }

  /** The tasks of those owned, as long as they are not being let go. */
  get tasks(): T[] {
    return [...this.#lanes.values()]
      .filter(({ gone }) => gone === undefined)
      .map(({ task }) => task);
  }

  /**
   * From now on these are owned and no others. Resolves when those lost are let go. The last call
   * wins; before `run` it only says what will be owned.
   *
   * @throws MillraceError STAGE_STOPPED (aborted) after `stop`.
   */
  async own(partitions: readonly number[]): Promise<void> {
    if (this.#isStopped) throw stageStopped();
    this.#wanted = new Set(partitions);
    const lost = [...this.#lanes].filter(([partition]) => !this.#wanted.has(partition));
    const gone = lost.map(([partition, lane]) => this.#letGo(partition, lane));
    this.#startWanted();
    await Promise.all(gone);
  }

  /** Resolves after `stop`; rejects with the first defect of any task, when all have ended. */
  run(): Promise<void> {
    this.#running ??= new Promise<void>((resolve, reject) => {
      this.#settle = () => {
        if (this.#failure === undefined) resolve();
        else reject(this.#failure.error);
      };
      this.#isRunning = true;
      if (this.#isStopped) resolve();
      else this.#startWanted();
    });
    return this.#running;
  }

  /** Lets everything go and makes `run` resolve. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** The same without finishing anything. */
  kill(): Promise<void> {
    this.#isStopped = true;
    for (const { task } of this.#lanes.values()) task.kill();
    return this.stop();
  }

  async #stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all([...this.#lanes].map(([partition, lane]) => this.#letGo(partition, lane)));
    this.#settle();
  }

  #startWanted(): void {
    if (!this.#isRunning || this.#isStopped) return;
    for (const partition of this.#wanted) {
      if (!this.#lanes.has(partition)) this.#start(partition);
    }
  }

  #start(partition: number): void {
    const task = this.#params.create(partition);
    // What broke down in one may break down in all: nobody goes on.
    const over = task.run().catch((error: unknown) => {
      this.#failure ??= { error };
      void this.kill();
    });
    this.#lanes.set(partition, { task, over, gone: undefined });
  }

  #letGo(partition: number, lane: Lane<T>): Promise<void> {
    lane.gone ??= this.#waitUntilGone(partition, lane);
    return lane.gone;
  }

  async #waitUntilGone(partition: number, { task, over }: Lane<T>): Promise<void> {
    const { clock, letGoMsMax, onGivenUp } = this.#params;
    task.stop();
    if (!(await settlesWithin(clock, letGoMsMax, over))) {
      onGivenUp(partition);
      task.kill();
    }
    // How it ended is still told after a stop.
    if (this.#isStopped) return;
    this.#lanes.delete(partition);
    this.#startWanted();
  }
}

function startingStatus(partition: number): PartitionStatus {
  return { partition, state: 'starting', position: 0, endOffset: 0, lagMs: 0 };
}

function stageStopped(): MillraceError {
  return new MillraceError({
    code: 'STAGE_STOPPED',
    kind: 'aborted',
    message: 'The stage has stopped and takes no partitions any more.',
  });
}
