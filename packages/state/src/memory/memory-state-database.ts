import type { CommitRef } from '../state.ts';

/** What is committed of one partition. Both parts change together, in one synchronous step. */
interface MemoryPartition {
  position: CommitRef | undefined;
  /** As recorded beside the position: a page that vanished is noticed. */
  pageCount: number;
  pages: Map<string, Uint8Array>;
}

/**
 * What a file or server would hold: it outlives the stores that are opened on it, as committed
 * state outlives a crashed process. Unit tests and the simulator look into it and damage it.
 */
export class MemoryStateDatabase {
  readonly #partitions = new Map<number, MemoryPartition>();
  #commits = 0;

  partition(partition: number): MemoryPartition {
    const known = this.#partitions.get(partition);
    if (known !== undefined) return known;
    const created = { position: undefined, pageCount: 0, pages: new Map<string, Uint8Array>() };
    this.#partitions.set(partition, created);
    return created;
  }

  /** Of a commit that has none. */
  nextCommitId(): string {
    this.#commits += 1;
    return `commit ${this.#commits}`;
  }

  /** As if there had never been one. */
  forget(partition: number): void {
    this.#partitions.delete(partition);
  }
}
