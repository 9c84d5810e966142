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

export interface CommittedState extends StatePosition {
  /** Every page of the partition, by key. */
  pages: Map<string, Uint8Array>;
}

export interface StateCommit {
  partition: number;
  /** What the committed state must be now; undefined: nothing may be committed yet. */
  expected: StatePosition | undefined;
  next: StatePosition;
  /** Pages to write; undefined removes one. Pages not named stay as they are. */
  pages: ReadonlyMap<string, Uint8Array | undefined>;
}

export interface StateStore {
  /** The newest committed state; undefined when the partition never had one. */
  load(partition: number): Promise<CommittedState | undefined>;
  /**
   * All pages and the position change together or not at all. Resolves `committed` when that is
   * durable, `outrun` when the committed position is not the expected one: the caller must
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
