import { badPageKey, closedState, corruptState, isCorruptState } from '../state-error.ts';
import {
  commitRefOf,
  isExpected,
  isPageKey,
  type CommitRef,
  type CommittedState,
  type StateCommit,
  type StatePosition,
  type StatePositionReader,
  type StateStore,
} from '../state.ts';
import { MemoryStateDatabase } from './memory-state-database.ts';

/**
 * Committed state in memory, for unit tests and the simulator only. No timers, no chance: every
 * call acts at once, in one step, and resolves as a promise does.
 */
export class MemoryStateStore implements StateStore, StatePositionReader {
  readonly #database: MemoryStateDatabase;
  #closed = false;

  constructor(database: MemoryStateDatabase = new MemoryStateDatabase()) {
    this.#database = database;
  }

  async load(partition: number): Promise<CommittedState | undefined> {
    return this.#load(partition);
  }

  async discardCorrupt(partition: number): Promise<boolean> {
    try {
      this.#load(partition);
      return false;
    } catch (error) {
      if (!isCorruptState(error)) throw error;
    }
    const held = this.#database.partition(partition);
    held.position = undefined;
    held.pageCount = 0;
    held.pages.clear();
    return true;
  }

  async commit(commit: StateCommit): Promise<'committed' | 'outrun'> {
    for (const key of commit.pages.keys()) if (!isPageKey(key)) throw badPageKey(key);
    if (!isExpected(this.#committed(commit.partition), commit.expected)) return 'outrun';
    const partition = this.#database.partition(commit.partition);
    let pageCount = partition.pageCount;
    for (const [key, page] of commit.pages) {
      const existed = partition.pages.has(key);
      pageCount += Number(page !== undefined) - Number(existed);
      if (page === undefined) partition.pages.delete(key);
      else partition.pages.set(key, new Uint8Array(page));
    }
    partition.pageCount = pageCount;
    const { logId, position, commitId = this.#database.nextCommitId() } = commit.next;
    partition.position = { logId, position, commitId };
    return 'committed';
  }

  async readPosition(partition: number): Promise<StatePosition | undefined> {
    const committed = this.#committed(partition);
    return committed && { logId: committed.logId, position: committed.position };
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #load(partition: number): CommittedState | undefined {
    const committed = this.#committed(partition);
    if (committed === undefined) return undefined;
    const { pages, pageCount } = this.#database.partition(partition);
    if (pages.size !== pageCount) {
      throw corruptState({
        where: `partition ${partition}`,
        detail: `${pages.size} pages are there, ${pageCount} were committed`,
      });
    }
    const copies = new Map([...pages].map(([key, page]) => [key, new Uint8Array(page)]));
    return { ...committed, pages: copies };
  }

  #committed(partition: number): CommitRef | undefined {
    if (this.#closed) throw closedState('memory');
    const { position, pages } = this.#database.partition(partition);
    if (position === undefined && pages.size > 0) {
      throw corruptState({
        where: `partition ${partition}`,
        detail: `it has ${pages.size} pages and no position`,
      });
    }
    return position && commitRefOf(position);
  }
}
