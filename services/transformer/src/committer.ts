import { createBackoff, errorKind, MillraceError, type Clock } from '@millrace/runtime';
import { newCommit, type StateCommit, type StateStore } from '@millrace/state';
import type { TransformerEvents } from './events.ts';
import { takePages } from './fold/partition-state.ts';
import { givePagesBack } from './memory/page-memory.ts';
import type { LargeCommits } from './large-commits.ts';
import type { OwnerProgress } from './owner-progress.ts';
import type { Publisher } from './publisher.ts';
import type { TransformerSettings } from './settings.ts';
import type { OwnedPartition } from './take-over.ts';

interface CommitterParts {
  partition: number;
  state: StateStore;
  clock: Clock;
  /** Ends everything: what is not committed by then is folded again by the next owner. */
  signal: AbortSignal;
  events: Pick<TransformerEvents, 'committed' | 'commitRetried'>;
  progress: OwnerProgress;
  largeCommits: LargeCommits;
  settings: Pick<TransformerSettings, 'commitMs'>;
}

/**
 * Commits of a partition take a twentieth of the time at most, as several share a thread, unless
 * they take longer than a minute can hold.
 */
const COMMIT_SHARE = 20;
const COMMIT_MS_MAX = 60_000;
/** One that was larger than this takes turns with those of other partitions: see `LargeCommits`. */
const LARGE_BYTES = 16 * 1024 * 1024;

/**
 * Commits State(n) once every entry below n is acknowledged, by compare-and-set on the position.
 * The pages are taken when the commit begins; folding goes on while it is under way.
 */
export class Committer {
  readonly #parts: CommitterParts;
  readonly #owned: OwnedPartition;
  readonly #publisher: Publisher;
  #lastUs: number;
  /**
   * How long the last one kept busy what it shares with folding: taking the pages and the call that
   * wrote them. To wait, for publishing or for a state that is away, keeps nothing busy.
   */
  #busyUs = 0;
  #bytes = 0;
  #running: Promise<void> | undefined;
  #failure: { error: unknown } | undefined;

  constructor(parts: CommitterParts, owned: OwnedPartition, publisher: Publisher) {
    this.#parts = parts;
    this.#owned = owned;
    this.#publisher = publisher;
    this.#lastUs = parts.clock.nowUs();
  }

  /** Begins a commit when the last one was long enough ago; throws when one broke down. */
  commitWhenDue(): void {
    this.#throwFailure();
    const { clock, settings } = this.#parts;
    const nowUs = clock.nowUs();
    // A clock that was set back must not put the commits off until it has caught up.
    if (nowUs < this.#lastUs) this.#lastUs = nowUs;
    const sinceMs = (nowUs - this.#lastUs) / 1000;
    // A large state is committed less often: it only takes longer to fold again after a crash.
    const shareMs = Math.min((COMMIT_SHARE * this.#busyUs) / 1000, COMMIT_MS_MAX);
    const dueMs = Math.max(settings.commitMs, shareMs);
    if (this.#running !== undefined || sinceMs < dueMs) return;
    const { largeCommits, partition } = this.#parts;
    const isOverdue = sinceMs >= COMMIT_MS_MAX;
    if (this.#isLarge && !largeCommits.begin(partition, nowUs, isOverdue)) return;
    this.#begin();
  }

  /** Commits what is folded and waits for it. */
  async commitLast(): Promise<void> {
    await this.#running;
    this.#throwFailure();
    this.#begin();
    await this.#running;
    this.#throwFailure();
  }

  /** Resolves when no commit is under way, however it ended. */
  async settled(): Promise<void> {
    await this.#running;
  }

  /** Whether the last one was. */
  get #isLarge(): boolean {
    return this.#bytes > LARGE_BYTES;
  }

  #begin(): void {
    const { head, tables } = this.#owned.fold;
    const { committed, builder } = this.#owned;
    this.#lastUs = this.#parts.clock.nowUs();
    if (committed?.logId === head.logId && committed.position === head.position) {
      this.#parts.largeCommits.end(this.#parts.partition);
      return;
    }
    const next = newCommit(head);
    // Also an empty range is published: the next owner's first record must not leave a gap.
    builder.flush(head.position);
    this.#publisher.pump(() => head.position);
    const { clock, partition, progress, largeCommits } = this.#parts;
    const beganUs = clock.nowUs();
    const pages = takePages(head, tables);
    const takingUs = clock.nowUs() - beganUs;
    const commit: StateCommit = { partition, expected: committed, next, pages };
    progress.commitBegins();
    this.#running = this.#commit(commit).then(
      (writingUs) => {
        this.#busyUs = takingUs + writingUs;
        if (this.#isLarge) largeCommits.restAfter(this.#busyUs, clock.nowUs());
        largeCommits.end(partition);
        this.#owned.committed = next;
        this.#running = undefined;
      },
      (error: unknown) => {
        largeCommits.end(partition);
        this.#failure = { error };
        this.#running = undefined;
      },
    );
  }

  /** Resolves with how long the call took that wrote the pages. */
  async #commit(commit: StateCommit): Promise<number> {
    const { state, clock, signal, events, progress, partition } = this.#parts;
    await this.#publisher.settled();
    progress.begins('commit', clock.nowUs());
    const backoff = createBackoff({ clock });
    for (;;) {
      try {
        const beganUs = clock.nowUs();
        const outcome = await state.commit(commit);
        const writingUs = clock.nowUs() - beganUs;
        if (outcome === 'outrun') throw outrun(partition);
        let bytes = 0;
        for (const page of commit.pages.values()) bytes += page?.length ?? 0;
        this.#bytes = bytes;
        givePagesBack(commit.pages.values());
        events.committed(partition, commit.pages.size, bytes);
        progress.done('commit');
        progress.committed();
        return writingUs;
      } catch (error) {
        if (errorKind(error) !== 'transient') throw error;
        events.commitRetried(partition, error);
        progress.failed('commit', error, clock.nowUs());
        await backoff.wait(signal);
      }
    }
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

function outrun(partition: number): MillraceError {
  return new MillraceError({
    code: 'TRANSFORMER_OUTRUN',
    kind: 'outrun',
    message: `Another owner committed partition ${partition}; its state is loaded again.`,
  });
}
