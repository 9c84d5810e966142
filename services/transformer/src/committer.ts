import { createBackoff, errorKind, MillraceError, type Clock } from '@millrace/runtime';
import type { StateCommit, StateStore } from '@millrace/state';
import type { TransformerEvents } from './events.ts';
import { takePages } from './fold/partition-state.ts';
import type { Publisher } from './publisher.ts';
import type { TransformerSettings } from './settings.ts';
import type { OwnedPartition } from './take-over.ts';

interface CommitterParts {
  partition: number;
  state: StateStore;
  clock: Clock;
  events: TransformerEvents;
  settings: TransformerSettings;
}

/**
 * Commits State(n) once every entry below n is acknowledged, by compare-and-set on the position.
 * The pages are taken when the commit begins; folding goes on while it is under way.
 */
export class Committer {
  readonly #parts: CommitterParts;
  readonly #owned: OwnedPartition;
  readonly #publisher: Publisher;
  #lastUs: number;
  #running: Promise<void> | undefined;
  #failure: unknown;

  constructor(parts: CommitterParts, owned: OwnedPartition, publisher: Publisher) {
    this.#parts = parts;
    this.#owned = owned;
    this.#publisher = publisher;
    this.#lastUs = parts.clock.nowUs();
  }

  /** Begins a commit when the last one was long enough ago; rejects when one broke down. */
  async commitWhenDue(signal: AbortSignal): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const { clock, settings } = this.#parts;
    const sinceMs = (clock.nowUs() - this.#lastUs) / 1000;
    if (this.#running === undefined && sinceMs >= settings.commitMs) this.#begin(signal);
    await Promise.resolve();
  }

  /** Commits what is folded and waits for it. */
  async commitLast(signal: AbortSignal): Promise<void> {
    await this.#running;
    if (this.#failure === undefined) this.#begin(signal);
    await this.#running;
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Resolves when no commit is under way, however it ended. */
  async settled(): Promise<void> {
    await this.#running;
  }

  #begin(signal: AbortSignal): void {
    const { head, tables } = this.#owned.fold;
    const { committed, builder } = this.#owned;
    this.#lastUs = this.#parts.clock.nowUs();
    if (committed?.logId === head.logId && committed.position === head.position) return;
    const next = { logId: head.logId, position: head.position };
    // Also an empty range is published: the next owner's first record must not leave a gap.
    builder.flush(head.position);
    this.#publisher.pump(() => head.position);
    const commit: StateCommit = {
      partition: this.#parts.partition,
      expected: committed,
      next,
      pages: takePages(head, tables),
    };
    this.#running = this.#commit(commit, signal).then(
      () => {
        this.#owned.committed = next;
        this.#running = undefined;
      },
      (error: unknown) => {
        this.#failure = error;
        this.#running = undefined;
      },
    );
  }

  async #commit(commit: StateCommit, signal: AbortSignal): Promise<void> {
    const { state, clock, events, partition } = this.#parts;
    await this.#publisher.settled();
    const backoff = createBackoff({ clock });
    for (;;) {
      try {
        const outcome = await state.commit(commit);
        if (outcome === 'outrun') throw outrun(partition);
        let bytes = 0;
        for (const page of commit.pages.values()) bytes += page?.length ?? 0;
        events.committed(partition, commit.pages.size, bytes);
        return;
      } catch (error) {
        if (errorKind(error) !== 'transient') throw error;
        events.commitRetried(partition, error);
        await backoff.wait(signal);
      }
    }
  }
}

function outrun(partition: number): MillraceError {
  return new MillraceError({
    code: 'TRANSFORMER_OUTRUN',
    kind: 'outrun',
    message: `Another owner committed partition ${partition}; its state is loaded again.`,
  });
}
