/** How far the store has come, as much as `wait=stored` needs to know. */
export interface StoredPositions {
  /** The position of the events partition below which everything is stored; 0: nothing known. */
  position(partition: number): number;
  /** Resolves once `position(partition)` has reached `position`; rejects when `signal` aborts. */
  wait(partition: number, position: number, signal: AbortSignal): Promise<void>;
  /**
   * Looks again at these partitions, where `position` does not know by itself; never rejects.
   * Left out where it is always new.
   */
  refresh?(partitions: readonly number[]): Promise<void>;
}
