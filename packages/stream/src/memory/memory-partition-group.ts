import type { Clock } from '@millrace/runtime';
import { assignPartitions, withholdOwned, type GroupMember } from '../group/assign-partitions.ts';
import { HeldPartitions } from '../group/held-partitions.ts';
import { misuse } from '../stream-error.ts';
import type {
  OnAssigned,
  PartitionGroup,
  PartitionGroupSettings,
  PartitionGroupStatus,
} from '../partition-group.ts';

interface MemoryMember {
  held: HeldPartitions;
  generation: number;
  isLeaving: boolean;
}

/** The coordinator of one group, in memory, for tests: its members come and go. */
export class MemoryGroup {
  readonly partitions: number;
  readonly clock: Clock;
  readonly #members = new Map<string, MemoryMember>();
  #generation = 0;
  #joined = 0;
  #isDue = false;
  /** Positions that members told, by partition. */
  readonly advised: Map<number, number> = new Map();

  constructor(params: Readonly<{ partitions: number; clock: Clock }>) {
    this.partitions = params.partitions;
    this.clock = params.clock;
  }

  join(held: HeldPartitions): string {
    this.#joined += 1;
    const id = `member-${this.#joined}`;
    this.#members.set(id, { held, generation: 0, isLeaving: false });
    this.changed();
    return id;
  }

  /** From now on it gets nothing; what it still has, nobody else gets. */
  leaving(id: string): void {
    const member = this.#members.get(id);
    if (member !== undefined) member.isLeaving = true;
  }

  leave(id: string): void {
    this.#members.delete(id);
    this.changed();
  }

  /** Gives the partitions out anew, once for all changes of this moment. */
  changed(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    queueMicrotask(() => {
      this.#isDue = false;
      this.#giveOut();
    });
  }

  #giveOut(): void {
    const members = [...this.#members].map(([id, { held, generation }]): GroupMember => {
      return { id, owned: held.assigned, leaving: held.leaving, generation };
    });
    const staying = members.filter(({ id }) => this.#members.get(id)?.isLeaving === false);
    this.#generation += 1;
    const assignment = withholdOwned(assignPartitions(staying, this.partitions), members);
    for (const [id, partitions] of assignment) {
      const member = this.#members.get(id);
      if (member === undefined) continue;
      member.generation = this.#generation;
      void member.held.assign(partitions);
    }
  }
}

/** A member of a group in memory. */
export function openMemoryPartitionGroup(
  group: MemoryGroup,
  settings: PartitionGroupSettings,
): PartitionGroup {
  let held: HeldPartitions | undefined;
  let id: string | undefined;
  let state: PartitionGroupStatus['state'] = 'joining';
  let running: Promise<void> | undefined;
  let end: () => void = () => undefined;
  let fail: (error: unknown) => void = () => undefined;
  const depart = (): void => {
    state = 'left';
    if (id !== undefined) group.leave(id);
    id = undefined;
  };
  const run = (onAssigned: OnAssigned): Promise<void> =>
    new Promise((resolve, reject) => {
      end = resolve;
      fail = reject;
      if (state === 'left') return resolve();
      held = new HeldPartitions({
        clock: group.clock,
        letGoMsMax: settings.letGoMsMax,
        onAssigned,
        onReleased: () => group.changed(),
        onTooLate: () => undefined,
        onFailed: (error) => {
          depart();
          fail(error);
        },
      });
      id = group.join(held);
      state = 'member';
    });
  return {
    run: (onAssigned) => {
      if (running !== undefined) throw misuse('A member of a group was run twice.');
      running = run(onAssigned);
      return running;
    },
    leave: async () => {
      state = 'left';
      if (id !== undefined) group.leaving(id);
      await held?.assign([]);
      depart();
      end();
      await running?.catch(() => undefined);
    },
    status: () => ({ state, partitions: held?.assigned ?? [] }),
    advise: async (positions) => {
      for (const [partition, position] of positions) group.advised.set(partition, position);
    },
  };
}
