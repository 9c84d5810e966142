/**
 * How the processes of one stage share the partitions of the log: each is a member of a named
 * group, and the group gives every partition to one member. It only assigns. It fences nobody off:
 * a member that was stopped for longer than its session goes on with what it had until it notices,
 * beside whoever has it by then, and the stages are built for that.
 */
export interface PartitionGroup {
  /**
   * Joins, and stays a member until `leave`, whatever happens to the group's coordinator meanwhile.
   *
   * `onAssigned` is told all partitions of this member, in order, each time they change, and
   * resolves once those it had before and has no longer are let go: until then, but no longer than
   * the settings' `letGoMsMax`, nobody else gets them. It may be called again before that; the
   * last call counts. An error of kind aborted means that whoever was told has stopped already.
   *
   * Resolves after `leave`. Rejects with a defect: also with whatever else `onAssigned` rejects
   * with.
   */
  run(onAssigned: OnAssigned): Promise<void>;
  /** Lets everything go first, then tells the group, so that others go on at once. */
  leave(): Promise<void>;
  status(): PartitionGroupStatus;
  /**
   * Tells the group how far its partitions are: for people's tools, and for who only gives way.
   * Best effort: what cannot be told now is told the next time.
   */
  advise(positions: ReadonlyMap<number, number>): Promise<void>;
}

export type OnAssigned = (partitions: readonly number[]) => Promise<void>;

export interface PartitionGroupStatus {
  /**
   * `joining`: the group is being formed anew, what is owned stays owned. `away`: the coordinator
   * cannot be reached or refuses us, for `reason`; it is tried again.
   */
  state: 'joining' | 'member' | 'away' | 'left';
  /** Those of the last assignment. */
  partitions: readonly number[];
  reason?: { code: string; message: string; remedy?: string | undefined };
}

/** How a member behaves; adapters may have more. */
export interface PartitionGroupSettings {
  /** How long the group waits for a member to let go of what another one gets. */
  letGoMsMax: number;
}
