import type { PartitionGroup } from '../partition-group.ts';

/** A member of a group that works on what it is assigned, as a stage would. */
export interface WorkingMember {
  readonly group: PartitionGroup;
  /** Those it works on: assigned ones, and those it has not let go of yet. */
  readonly partitions: readonly number[];
  /** All it was told, in order. */
  readonly told: readonly (readonly number[])[];
  /** What `run` came to. */
  readonly over: Promise<void>;
}

/** All that the members of one group do, and whether two ever did the same. */
export class GroupWork {
  /** Partitions that were taken up while another member worked on them. */
  readonly overlaps: number[] = [];
  readonly #members: { member: WorkingMember; working: Set<number> }[] = [];

  join(
    group: PartitionGroup,
    how: Readonly<{ letGo?: (partitions: readonly number[]) => Promise<void> }> = {},
  ): WorkingMember {
    const working = new Set<number>();
    const told: (readonly number[])[] = [];
    const over = group.run(async (partitions) => {
      told.push(partitions);
      for (const partition of partitions) {
        if (!working.has(partition)) this.#begin(partition, working);
      }
      const lost = [...working].filter((partition) => !partitions.includes(partition));
      if (lost.length === 0) return;
      try {
        await how.letGo?.(lost);
      } finally {
        const wanted = told.at(-1) ?? [];
        for (const partition of lost) if (!wanted.includes(partition)) working.delete(partition);
      }
    });
    over.catch(() => undefined);
    const member: WorkingMember = {
      group,
      told,
      over,
      get partitions() {
        return [...working].toSorted((a, b) => a - b);
      },
    };
    this.#members.push({ member, working });
    return member;
  }

  /** Partitions that somebody works on, in order, each as often as it has an owner. */
  owned(): number[] {
    return this.#members.flatMap(({ working }) => [...working]).toSorted((a, b) => a - b);
  }

  async leaveAll(): Promise<void> {
    for (const { member } of this.#members) {
      await member.group.leave();
      await member.over.catch(() => undefined);
    }
  }

  #begin(partition: number, working: Set<number>): void {
    if (this.#members.some((one) => one.working !== working && one.working.has(partition))) {
      this.overlaps.push(partition);
    }
    working.add(partition);
  }
}
