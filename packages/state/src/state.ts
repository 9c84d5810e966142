import { randomUUID } from 'node:crypto';

/**
 * The committed state of partitions: named pages of bytes, read whole when a partition is taken
 * over, changed by one atomic compare-and-set per commit. What the pages mean is the
 * transformer's business.
 */

/** A position in one particular log. */
export interface StatePosition {
  logId: string;
  /** The next offset to read of that log. */
  position: number;
}

/**
 * Which commit left a state. A state that was put back comes to the same position again, with other
 * pages: the id of a commit never comes again. States of before have none.
 */
export interface CommitRef extends StatePosition {
  commitId?: string | undefined;
}

export interface CommittedState extends CommitRef {
  /** Every page of the partition, by key. */
  pages: Map<string, Uint8Array>;
}

export interface StateCommit {
  partition: number;
  /**
   * What the committed state must be now; undefined: nothing may be committed yet. Without an id on
   * either side, the position alone is compared.
   */
  expected: CommitRef | undefined;
  /** Its id is one that no other commit has; left out: the store makes one. */
  next: CommitRef;
  /** Pages to write; undefined removes one. Pages not named stay as they are. */
  pages: ReadonlyMap<string, Uint8Array | undefined>;
}

export interface StateStore {
  /** The newest committed state; undefined when the partition never had one. */
  load(partition: number): Promise<CommittedState | undefined>;
  /**
   * All pages and the position change together or not at all. Resolves `committed` when that is
   * durable, `outrun` when the committed state is not the expected one: the caller must
   * forget all it holds and load again. A transient `StateError` says nothing about the
   * outcome: the commit may or may not have happened. Page bytes must not change until then.
   */
  commit(commit: StateCommit): Promise<'committed' | 'outrun'>;
  /**
   * Forgets everything of a partition whose state contradicts itself, so that it can be made anew.
   * Atomic: what a `load` at that very moment would have taken is never forgotten. True: it was
   * corrupt, and the partition has no state now. False: it is sound, or somebody has changed it
   * meanwhile; nothing was done.
   */
  discardCorrupt(partition: number): Promise<boolean>;
  close(): Promise<void>;
}

/** What tools ask: how far a partition's state is, without reading its pages. */
export interface StatePositionReader {
  /** The committed position; undefined when the partition never had one. */
  readPosition(partition: number): Promise<StatePosition | undefined>;
}

/** The longest key of a page, in bytes of UTF-8; the shortest has one. */
export const PAGE_KEY_BYTES_MAX = 256;

export function isPageKey(key: string): boolean {
  return key.length > 0 && Buffer.byteLength(key) <= PAGE_KEY_BYTES_MAX;
}

export function isSamePosition(
  a: StatePosition | undefined,
  b: StatePosition | undefined,
): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.logId === b.logId && a.position === b.position;
}

/** Whether a commit that expects `expected` may take the place of what is there. */
export function isExpected(there: CommitRef | undefined, expected: CommitRef | undefined): boolean {
  if (!isSamePosition(there, expected)) return false;
  const [a, b] = [there?.commitId, expected?.commitId];
  return a === undefined || b === undefined || a === b;
}

/** What a commit leaves from which its owner goes on. */
export function newCommit({ logId, position }: StatePosition): CommitRef {
  return { logId, position, commitId: randomUUID() };
}

/** Without the pages. */
export function commitRefOf({ logId, position, commitId }: CommitRef): CommitRef {
  return { logId, position, commitId };
}
