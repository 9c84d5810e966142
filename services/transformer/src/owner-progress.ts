import { errorText, MillraceError, type PartitionStatus } from '@millrace/runtime';

/** What an owner asks of others: while one of these is not answered, the partition may stand still. */
export type OwnerCall = 'publish' | 'commit' | 'tick';

/** Without an answer for so long a call counts as stuck, although nobody said that it failed. */
const STUCK_MS = 10_000;

/** What a gauge shows of a partition. */
export interface OwnerLevels {
  /** Age of the oldest record that is not folded, at most; 0 when all are. */
  lagMs: number;
  behindRecords: number;
  /** Age of the oldest record that is folded and not committed; 0 when all are. */
  uncommittedMs: number;
}

/** How far an owner is, and what keeps it: what `status` and `/readyz` tell. */
export class OwnerProgress {
  readonly partition: number;
  position = 0;
  /** As reading saw it, or a look at the log since. */
  endOffset = 0;
  partitionTimeUs: number | undefined;
  /** What is wrong without holding it up. */
  warning: MillraceError | undefined;
  #state: PartitionStatus['state'] = 'starting';
  #reason: PartitionStatus['reason'];
  readonly #calls = new Map<OwnerCall, { sinceUs: number; reason?: PartitionStatus['reason'] }>();
  #newestFoldedUs: number | undefined;
  /** When the log took the oldest record that no commit holds: before the one under way began. */
  #uncommittedSinceUs: number | undefined;
  /** The same of those that were folded since. */
  #foldedSinceUs: number | undefined;

  constructor(partition: number) {
    this.partition = partition;
  }

  /** A state was loaded; what was under way is somebody else's, or will be done again. */
  takenOver(position: number): void {
    this.position = position;
    this.endOffset = Math.max(this.endOffset, position);
    this.#calls.clear();
    this.#uncommittedSinceUs = undefined;
    this.#foldedSinceUs = undefined;
    this.#newestFoldedUs = undefined;
  }

  folded(position: number, appendTimesUs: readonly number[]): void {
    this.position = position;
    this.endOffset = Math.max(this.endOffset, position);
    this.#foldedSinceUs ??= appendTimesUs[0];
    this.#newestFoldedUs = appendTimesUs.at(-1) ?? this.#newestFoldedUs;
  }

  /** A commit of all that is folded now begins. */
  commitBegins(): void {
    this.#uncommittedSinceUs ??= this.#foldedSinceUs;
    this.#foldedSinceUs = undefined;
  }

  committed(): void {
    this.#uncommittedSinceUs = undefined;
  }

  begins(call: OwnerCall, nowUs: number): void {
    if (!this.#calls.has(call)) this.#calls.set(call, { sinceUs: nowUs });
  }

  /** It is tried again. */
  failed(call: OwnerCall, error: unknown, nowUs: number): void {
    this.begins(call, nowUs);
    this.#calls.get(call)!.reason = reasonOf(error);
  }

  done(call: OwnerCall): void {
    this.#calls.delete(call);
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

  get isStopped(): boolean {
    return this.#state === 'stopped';
  }

  /** The code of what it waits for, if that was said. */
  get waitsFor(): string | undefined {
    return this.#state === 'waiting' ? this.#reason?.code : undefined;
  }

  /** Whether it stopped for the same reason already. */
  isStoppedFor(error: unknown): boolean {
    return this.isStopped && this.#reason?.code === reasonOf(error).code;
  }

  levels(nowUs: number): OwnerLevels {
    const behindRecords = Math.max(0, this.endOffset - this.position);
    const oldestUs = this.#uncommittedSinceUs ?? this.#foldedSinceUs;
    return {
      behindRecords,
      lagMs: behindRecords === 0 ? 0 : ageMs(this.#newestFoldedUs, nowUs),
      uncommittedMs: ageMs(oldestUs, nowUs),
    };
  }

  status(nowUs: number): PartitionStatus {
    const held = this.#state === 'running' ? this.#heldBy(nowUs) : undefined;
    const reason = held ?? this.#reason;
    return {
      partition: this.partition,
      state: held === undefined ? this.#state : 'waiting',
      ...(reason === undefined ? {} : { reason }),
      position: this.position,
      endOffset: this.endOffset,
      lagMs: this.levels(nowUs).lagMs,
      ...(this.partitionTimeUs === undefined ? {} : { partitionTimeUs: this.partitionTimeUs }),
      ...(this.warning === undefined ? {} : { warning: reasonOf(this.warning) }),
    };
  }

  /** Why a partition that runs does not get on. */
  #heldBy(nowUs: number): PartitionStatus['reason'] {
    for (const [call, { sinceUs, reason }] of this.#calls) {
      if (reason !== undefined) return reason;
      const tookMs = ageMs(sinceUs, nowUs);
      if (tookMs > STUCK_MS) return reasonOf(stuck(call, tookMs));
    }
    return undefined;
  }
}

function ageMs(sinceUs: number | undefined, nowUs: number): number {
  return sinceUs === undefined ? 0 : Math.max(0, Math.round((nowUs - sinceUs) / 1000));
}

const CALLS: Readonly<Record<OwnerCall, string>> = {
  publish: 'the append of entries to metrics.series',
  commit: 'the commit of its state',
  tick: 'the append of a tick to metrics.events',
};

function stuck(call: OwnerCall, tookMs: number): MillraceError {
  return new MillraceError({
    code: 'TRANSFORMER_STUCK',
    kind: 'transient',
    message:
      `The partition waits for ${CALLS[call]}, which has not been answered for ` +
      `${Math.round(tookMs / 1000)} s. Nothing is lost: the log keeps what is not folded.`,
    remedy: 'Look at the log (disk or brokers) and at the state store; it goes on by itself.',
  });
}

function reasonOf(error: unknown): NonNullable<PartitionStatus['reason']> {
  if (!(error instanceof MillraceError)) return { code: 'UNKNOWN', message: errorText(error) };
  return { code: error.code, message: error.message, remedy: error.remedy };
}
