import type { Address } from '@millrace/model';
import { errorText, MillraceError, type PartitionStatus } from '@millrace/runtime';
import { storeSilent } from './writer-errors.ts';

/** What the store has of the live source of one partition, and where in the log that ends. */
export interface Applied {
  /**
   * Everything below this offset of the log, of whatever source, was applied no later. Undefined
   * before the first batch: what seeking finds may lie behind a record that is not applied.
   */
  position: number | undefined;
  logId: string;
  mark: Address;
}

/** What the store has of another source. */
export type AppliedOfJob = Pick<Applied, 'logId' | 'mark'>;

/** How far one partition is, and what keeps it: what `status` tells. */
export class PartitionProgress {
  readonly partition: number;
  endOffset = 0;
  /** The end as reading has seen it lately; undefined while nothing is read. */
  readEnd: () => number | undefined = () => undefined;
  /** Called when the store was found to be behind what is applied: it lost the end of it. */
  takenBack: () => void = () => undefined;
  /** When the log took the oldest record that is known and not applied. */
  pendingSinceUs: number | undefined;
  partitionTimeUs: number | undefined;
  /** Since when the store has owed an answer; undefined while it owes none. */
  askingSinceUs: number | undefined;
  /** How often the bound of a usual batch goes into what it was given: so much longer it may take. */
  askingShare = 1;
  #position: number | undefined;
  #applied: Applied | undefined;
  /** By source, what the store was given of jobs and is not known to have for good. */
  readonly #ofJobs = new Map<string, AppliedOfJob>();
  #state: PartitionStatus['state'] = 'starting';
  #reason: PartitionStatus['reason'];

  constructor(partition: number) {
    this.partition = partition;
  }

  get state(): PartitionStatus['state'] {
    return this.#state;
  }

  get reason(): PartitionStatus['reason'] {
    return this.#reason;
  }

  /** Everything below this offset of the log is applied; undefined until something is. */
  get position(): number | undefined {
    return this.#position;
  }

  /** Counted from live batches alone: another source has a mark of its own. */
  get applied(): Applied | undefined {
    return this.#applied;
  }

  /** Newest of each: others may be flushed meanwhile. */
  get appliedOfJobs(): ReadonlyMap<string, AppliedOfJob> {
    return new Map(this.#ofJobs);
  }

  /** Of this the store has everything for good. */
  flushedOfJob(source: string, flushed: AppliedOfJob): void {
    if (this.#ofJobs.get(source) === flushed) this.#ofJobs.delete(source);
  }

  commitOfJob(position: number, source: string, applied: AppliedOfJob): void {
    this.commit(position, undefined);
    this.#ofJobs.set(source, applied);
  }

  begun(position: number, applied: Applied | undefined): void {
    this.#applied = applied;
    this.#ofJobs.clear();
    this.#position = applied === undefined ? undefined : position;
    this.endOffset = Math.max(this.endOffset, position);
    // What could not be applied may fail again: only a commit ends that.
    const hasFailed = this.#state === 'waiting' || this.#state === 'stopped';
    if (!hasFailed || position === this.endOffset) this.running();
  }

  /** A batch up to `position` is applied; `applied` when it was one of the live source. */
  commit(position: number, applied: Applied | undefined): void {
    this.#position = position;
    if (applied !== undefined) this.#applied = applied;
    this.endOffset = Math.max(this.endOffset, position);
    this.running();
  }

  running(): void {
    this.#state = 'running';
    this.#reason = undefined;
  }

  waiting(error: unknown): void {
    this.#state = 'waiting';
    this.#reason = reasonOf(error);
  }

  stopped(error?: unknown): void {
    this.#state = 'stopped';
    if (error !== undefined) this.#reason = reasonOf(error);
  }

  lagMs(nowUs: number): number {
    if (this.pendingSinceUs === undefined) return 0;
    return Math.max(0, (nowUs - this.pendingSinceUs) / 1000);
  }

  status(nowUs: number): PartitionStatus {
    const stuck = this.#state === 'running' ? this.#stuck(nowUs) : undefined;
    const reason = stuck ?? this.#reason;
    return {
      partition: this.partition,
      state: stuck === undefined ? this.#state : 'waiting',
      ...(reason === undefined ? {} : { reason }),
      position: this.#position ?? 0,
      endOffset: this.endOffset,
      lagMs: this.lagMs(nowUs),
      ...(this.partitionTimeUs === undefined ? {} : { partitionTimeUs: this.partitionTimeUs }),
    };
  }

  /** Nobody said that it failed, and yet nothing gets on. */
  #stuck(nowUs: number): PartitionStatus['reason'] {
    if (this.askingSinceUs === undefined) return undefined;
    const tookMs = (nowUs - this.askingSinceUs) / 1000;
    return tookMs > STUCK_MS * this.askingShare ? reasonOf(storeSilent(tookMs)) : undefined;
  }
}

/** Without an answer for so long, to a usual batch, the store counts as stuck. */
const STUCK_MS = 10_000;

function reasonOf(error: unknown): NonNullable<PartitionStatus['reason']> {
  if (!(error instanceof MillraceError)) return { code: 'UNKNOWN', message: errorText(error) };
  const { code, message, remedy } = error;
  return remedy === undefined ? { code, message } : { code, message, remedy };
}
