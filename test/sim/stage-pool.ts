import { errorKind, type PartitionedStage, type StageStatus } from '@millrace/runtime';
import { openMemoryPartitionGroup, type MemoryGroup } from '@millrace/stream/memory';
import type { MortalProcess } from './mortal-process.ts';

interface StageProcess extends StartedProcess {
  /** Lets the group know that it is gone. */
  expel: () => unknown;
  isExpelled: boolean;
}

export interface StartedProcess {
  process: MortalProcess;
  stage: PartitionedStage;
  /** What it does when the stage has stopped as it should. */
  last?: () => Promise<unknown>;
}

export interface StagePoolParts {
  /** Without one every process has all partitions at once. */
  group: MemoryGroup | undefined;
  start: () => StartedProcess;
  /** Told what broke a stage for good: nothing that is injected may. */
  onDefect: (error: unknown) => void;
}

/** How long a member that lost a partition is waited for. */
const LET_GO_MS_MAX = 5000;

/** The processes of one stage. They come and go; a group says who has which partitions. */
export class StagePool {
  readonly #parts: StagePoolParts;
  #members: StageProcess[] = [];

  constructor(parts: StagePoolParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#members.length;
  }

  get processes(): readonly MortalProcess[] {
    return this.#members.map(({ process }) => process);
  }

  statuses(): StageStatus[] {
    return this.#members.map(({ stage }) => stage.status());
  }

  add(): void {
    const { group, start, onDefect } = this.#parts;
    const started = start();
    const { process, stage } = started;
    const onEnd = (error: unknown): void => {
      if (errorKind(error) !== 'aborted') onDefect(error);
    };
    stage.run().catch(onEnd);
    const added: StageProcess = {
      ...started,
      isExpelled: false,
      expel: () => (added.isExpelled = true),
    };
    if (group !== undefined) {
      const member = openMemoryPartitionGroup(group, { letGoMsMax: LET_GO_MS_MAX });
      member.run((partitions) => process.act(() => stage.own(partitions))).catch(onEnd);
      added.expel = () => {
        added.isExpelled = true;
        void member.leave();
      };
    }
    this.#members.push(added);
  }

  /** The oldest one dies; the group notices when its session is over. */
  crash(): void {
    this.#members[0]?.process.die();
  }

  /** One stands still; the group takes it for dead, and it does not know. */
  freeze(which: number, ms: number): void {
    this.#members[which % Math.max(1, this.#members.length)]?.process.freeze(ms);
  }

  /** The group gives up on whoever does not answer. `isDue`: whether it notices now. */
  expelLost(isDue: () => boolean): void {
    for (const member of this.#members) {
      const { isDead, isFrozen } = member.process;
      const isMissed = isDead || (isFrozen && this.#parts.group !== undefined);
      if (isMissed) {
        if (!member.isExpelled && isDue()) member.expel();
      } else if (member.isExpelled && isDue()) {
        // It went on for a while with what it had, and notices.
        member.process.die();
      }
    }
    this.#members = this.#members.filter(
      ({ process, isExpelled }) => !process.isDead || !isExpelled,
    );
  }

  /** One stops as it should: what is under way is finished, and the group knows at once. */
  stop(): void {
    const member = this.#members.shift();
    if (member === undefined) return;
    member.expel();
    const stopping = member.process.act(async () => {
      await member.stage.stop();
      await member.last?.();
    });
    stopping.catch(this.#parts.onDefect);
  }

  /** Whoever is gone is not missed any longer, and somebody is there. */
  settle(): void {
    for (const member of this.#members) {
      if (member.isExpelled) member.process.die();
      else if (member.process.isDead) member.expel();
    }
    this.#members = this.#members.filter(({ process }) => !process.isDead);
    if (this.#members.length === 0) this.add();
  }

  dieAll(): void {
    for (const member of this.#members) {
      member.process.die();
      if (!member.isExpelled) member.expel();
    }
    this.#members = [];
  }
}
