/** A stage's life: `run` until `stop` is called or something breaks that only a restart mends. */
export interface Stage {
  /** Resolves once stopped cleanly; rejects with a defect. */
  run(): Promise<void>;
  /** Finishes what is under way (in bounded time) and makes `run` resolve. */
  stop(): Promise<void>;
  status(): StageStatus;
}

/** A stage whose partitions may come and go while it runs. */
export interface PartitionedStage extends Stage {
  /**
   * From now on the stage works on these partitions and no others. Resolves when those it lost are
   * let go: what was under way is finished, or given up when that takes longer than the stage's
   * `stopMsMax`. The last call wins. Before `run` it only says what there will be to work on.
   *
   * @throws MillraceError STAGE_STOPPED (aborted) after `stop`.
   */
  own(partitions: readonly number[]): Promise<void>;
}

export interface StageStatus {
  stage: 'receiver' | 'transformer' | 'writer';
  /** False with a reason as soon as the stage, or one partition of it, cannot do its work. */
  ready: boolean;
  /** Those it owns now. */
  partitions: PartitionStatus[];
  /** Jobs that fold the past of these partitions. What becomes of them does not affect `ready`. */
  jobs?: JobStatus[];
  /** How far the log of these partitions is archived. It does not affect `ready` either. */
  archive?: ArchiveStatus[];
}

/** How far the log of one partition is archived, by whoever does it. */
export interface ArchiveStatus {
  partition: number;
  /** Next offset of `metrics.events` to be archived. */
  position: number;
  endOffset: number;
  /** Why it cannot go on: the log keeps what is not archived. */
  reason?: PartitionStatus['reason'];
}

/** How far the past of one partition is folded under a candidate's rules. */
export interface JobStatus {
  candidate: number;
  partition: number;
  /** Waiting: for its turn, or because something has no answer. */
  state: 'waiting' | 'running' | 'paused' | 'stopped' | 'over';
  /** Why it waits or stopped. */
  reason?: PartitionStatus['reason'];
  /** Next offset of `metrics.events` that it will fold. */
  position: number;
  /** Where it ends: at first the end of the partition when it began, which is not before that. */
  endPosition: number;
  /** Folded in a second, lately. */
  samplesPerSecond: number;
  /** Committed: nothing before it is needed any more, also after a crash. */
  committedPosition?: number;
}

export interface PartitionStatus {
  partition: number;
  state: 'starting' | 'running' | 'waiting' | 'stopped';
  /** Why it waits or stopped: a stable code, what it means for the data, the next command. */
  reason?: { code: string; message: string; remedy?: string | undefined };
  /** What is wrong with what it did, while it goes on: readiness is degraded by it. */
  warning?: { code: string; message: string; remedy?: string | undefined };
  /** Next offset of its input topic that this stage will read (for the receiver: append). */
  position: number;
  /** End of its input topic. */
  endOffset: number;
  /** Age of the oldest record that is not folded (applied) yet, in ms; 0 when there is none. */
  lagMs: number;
  /** Partition time, when the stage knows it. */
  partitionTimeUs?: number;
}
