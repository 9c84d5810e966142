import type { Store } from '@millrace/store';
import { simulatedFault } from './faults.ts';

/** The database may be away for everybody at once. */
export class StoreOutage {
  #isAway = false;
  /** Tells outages apart: the end of an old one does not end a new one. */
  #number = 0;

  begin(): number {
    this.#isAway = true;
    this.#number += 1;
    return this.#number;
  }

  /** `number`: of the outage that is over; left out, whichever there is. */
  end(number: number = this.#number): void {
    if (number === this.#number) this.#isAway = false;
  }

  wrap(store: Store): Store {
    const there = <T>(call: () => Promise<T>): Promise<T> =>
      this.#isAway ? Promise.reject(simulatedFault('the store is away')) : call();
    return {
      marks: (partition) => there(() => store.marks(partition)),
      openMark: (key) => there(() => store.openMark(key)),
      apply: (batch) => there(() => store.apply(batch)),
      flushedMarks: () => there(() => store.flushedMarks()),
      close: () => store.close(),
    };
  }
}
