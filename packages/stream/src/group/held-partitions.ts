import { errorKind, settlesWithin, type Clock } from '@millrace/runtime';
import type { OnAssigned } from '../partition-group.ts';

/**
 * What one member holds: the partitions assigned to it, and those it lost and is still letting go
 * of. A member claims both, and tells the group as soon as it claims less.
 */
export class HeldPartitions {
  readonly #params: HeldPartitionsParams;
  #assigned: readonly number[] = [];
  /** Of each that is being let go, the call of `onAssigned` that has to end first. */
  readonly #leaving = new Map<number, number>();
  #calls = 0;
  #ended: Promise<void> = Promise.resolve();

  constructor(params: HeldPartitionsParams) {
    this.#params = params;
  }

  get assigned(): readonly number[] {
    return this.#assigned;
  }

  /** Those lost that nobody else should get yet. */
  get leaving(): readonly number[] {
    return [...this.#leaving.keys()];
  }

  /** Has these from now on. Resolves when what was lost is let go, or was waited for long enough. */
  assign(partitions: readonly number[]): Promise<void> {
    const next = [...partitions].toSorted((a, b) => a - b);
    const isSame =
      next.length === this.#assigned.length && next.every((p, i) => p === this.#assigned[i]);
    if (!isSame) this.#ended = this.#tell(next);
    return this.#ended;
  }

  async #tell(next: readonly number[]): Promise<void> {
    const { clock, letGoMsMax, onAssigned, onReleased, onFailed, onTooLate } = this.#params;
    this.#calls += 1;
    const call = this.#calls;
    for (const partition of this.#assigned) {
      if (!next.includes(partition)) this.#leaving.set(partition, call);
    }
    this.#assigned = next;
    for (const partition of next) this.#leaving.delete(partition);
    const letGo = onAssigned(next).catch((error: unknown) => {
      // It has stopped: nothing of it is held any more.
      if (errorKind(error) !== 'aborted') onFailed(error);
    });
    if (!(await settlesWithin(clock, letGoMsMax, letGo))) onTooLate(this.#lettingGo(call));
    const gone = this.#lettingGo(call);
    for (const partition of gone) this.#leaving.delete(partition);
    if (gone.length > 0) onReleased();
  }

  /** A later call also ends what an earlier one began: it asked for the same and more. */
  #lettingGo(call: number): number[] {
    return [...this.#leaving].filter(([, since]) => since <= call).map(([partition]) => partition);
  }
}

type HeldPartitionsParams = Readonly<{
  clock: Clock;
  letGoMsMax: number;
  onAssigned: OnAssigned;
  /** Fewer are claimed than before. */
  onReleased: () => void;
  /** `onAssigned` rejected, and not because it has stopped. */
  onFailed: (error: unknown) => void;
  /** These are not waited for any longer. */
  onTooLate: (partitions: readonly number[]) => void;
}>;
