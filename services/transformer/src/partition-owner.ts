import {
  createBackoff,
  errorKind,
  type Backoff,
  type Clock,
  type PartitionStatus,
  type PartitionTask,
} from '@millrace/runtime';
import type { StateStore } from '@millrace/state';
import { TOPIC_EVENTS, type Producer, type Stream, type StreamRecord } from '@millrace/stream';
import { ColumnRoom, encodeEventsRecord, EventsRecordKind } from '@millrace/wire';
import type { RulesVersion } from '@millrace/control';
import { recordDigest } from '@millrace/checkpoint';
import { BarrierCompleter } from './barrier-completer.ts';
import type { Checkpoints } from './checkpoints.ts';
import { Committer } from './committer.ts';
import { countBatch, lostSamples } from './count-batch.ts';
import { AT_ONCE_MAX, decodeTogether } from './decode-together.ts';
import type { TransformerEvents } from './events.ts';
import { samplesLost } from './fold/fold-errors.ts';
import type { PartitionHead } from './fold/partition-state.ts';
import type { LargeCommits } from './large-commits.ts';
import { OwnerProgress } from './owner-progress.ts';
import { Publisher } from './publisher.ts';
import type { TransformerSettings } from './settings.ts';
import {
  loadAgainWhenOutdated,
  notSetUp,
  takeOver,
  type OwnedPartition,
  type TakenOver,
} from './take-over.ts';
import type { Unpublished } from './unpublished.ts';

export interface OwnerParts {
  stream: Stream;
  /** The same with its archive in front: for a state that lies behind the log's beginning. */
  archived: Stream | undefined;
  state: StateStore;
  producer: Producer;
  clock: Clock;
  events: TransformerEvents;
  settings: TransformerSettings;
  checkpoints: Checkpoints;
  largeCommits: LargeCommits;
  unpublished: Unpublished;
  /** Versions of the rules after the one with this number, as far as they are known here. */
  versionsAfter: (number: number) => readonly RulesVersion[];
  /** Samples of a partition of that log that a person knows to be lost. */
  acknowledged: (partition: number, logId: string) => number;
}

/** Owns one partition: poll, dedupe, place, fold, publish, commit, until it is stopped. */
export class PartitionOwner implements PartitionTask {
  readonly partition: number;
  readonly #parts: OwnerParts;
  readonly #backoff: Backoff;
  readonly progress: OwnerProgress;
  /** Records are folded before others are read into it. */
  readonly #room = new ColumnRoom();
  /** Those at hand; empty between them. */
  #folding: readonly StreamRecord[] = [];
  #readAtUs = 0;
  /** More lies ready than was read, or nothing came at all. */
  #hasMore = true;
  /** Checkpoints that were told to be of no use, by offset. */
  readonly #passedOver = new Set<number>();
  /** Ends the polling; what was folded is still published and committed. */
  readonly #stopping = new AbortController();
  /** Ends everything under way. */
  readonly #killing = new AbortController();

  constructor(partition: number, parts: OwnerParts) {
    this.partition = partition;
    this.#parts = parts;
    this.#backoff = createBackoff({ clock: parts.clock });
    this.progress = new OwnerProgress(partition);
  }

  get status(): PartitionStatus {
    return this.progress.status(this.#parts.clock.nowUs());
  }

  /** Whether it has not read for a while: then the end that reading saw is an old one. */
  get isHeldUp(): boolean {
    const { clock, settings } = this.#parts;
    return clock.nowUs() - this.#readAtUs > 2 * settings.tickMs * 1000;
  }

  stop(): void {
    this.#stopping.abort();
  }

  /** Whether it may fold on, or is to stop. */
  get #hasRoomBeside(): boolean {
    return this.#stopping.signal.aborted || this.#parts.unpublished.hasRoom(this.partition);
  }

  /** Gives up at once; the next owner folds again what was not committed. */
  kill(): void {
    this.#stopping.abort();
    this.#killing.abort();
    // Now: what it waits for may take long, and its successor begins meanwhile.
    this.#parts.unpublished.note(this.partition, 0);
  }

  /** Resolves when it was told to stop; rejects with a defect. */
  async run(): Promise<void> {
    try {
      await this.#own();
    } finally {
      if (this.#stopping.signal.aborted) this.#parts.events.letGo(this.partition);
    }
  }

  async #own(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        const owned = await this.#takeOver();
        if (owned === undefined) await this.#pause();
        else {
          const folding = this.#foldOn(owned);
          await folding.catch((error) => loadAgainWhenOutdated(error, this.partition));
        }
      } catch (error) {
        if (!(await this.#goesOnAfter(error))) return;
      }
    }
    this.progress.stopped();
  }

  async #goesOnAfter(error: unknown): Promise<boolean> {
    const { events, clock, settings } = this.#parts;
    const { signal } = this.#stopping;
    const kind = errorKind(error);
    if (kind === 'aborted') {
      this.progress.stopped();
      return false;
    }
    if (kind === 'permanent' || kind === 'defect') {
      this.#stopFor(error);
      if (kind === 'defect') throw error;
      await clock.sleep(settings.lookAgainMs, signal).catch(() => undefined);
      return true;
    }
    if (kind === 'outrun') events.outrun(this.partition);
    else {
      events.readRetried(this.partition, error);
      this.progress.waiting(error);
    }
    // Also after an outrun: whatever is wrong with the state must not make the owner spin.
    await this.#backoff.wait(signal).catch(() => undefined);
    return true;
  }

  /** Told once for each reason, however often it is looked at again. */
  #stopFor(error: unknown): void {
    if (!this.progress.isStoppedFor(error)) this.#parts.events.stopped(this.partition, error);
    this.progress.stopped(error);
  }

  /** Nobody has begun the log yet. */
  async #pause(): Promise<void> {
    const { clock, settings } = this.#parts;
    this.progress.waiting(notSetUp(this.partition));
    await clock.sleep(settings.tickMs, this.#stopping.signal);
  }

  async #takeOver(): Promise<TakenOver | undefined> {
    const { stream, archived, state, settings, events } = this.#parts;
    return await takeOver({
      ...{ stream, archived, state },
      partition: this.partition,
      recordBytesMax: settings.recordBytesMax,
      signal: this.#killing.signal,
      onPassedOver: ({ offset, manifest, isDamaged, why }) => {
        // A partition that cannot go on is looked at again and again.
        if (this.#passedOver.has(offset)) return;
        this.#passedOver.add(offset);
        const { position } = manifest;
        events.checkpointPassedOver(this.partition, { offset, position, isDamaged, why });
      },
      onRestored: (checkpoint, why) => events.restored(this.partition, { ...checkpoint, why }),
      onBegunAnew: (why) => events.begunAnew(this.partition, why),
      onArchived: (position, why) => events.readsArchive(this.partition, { position, why }),
    });
  }

  /** What is looked at again and again is taken over when it goes on. */
  #tellTakenOver({ fold }: OwnedPartition): void {
    const { position, logId } = fold.head;
    this.#parts.events.takenOver(this.partition, { position, logId });
  }

  async #foldOn(owned: TakenOver): Promise<void> {
    const { stream, checkpoints, unpublished } = this.#parts;
    const { partition } = this;
    const { head } = owned.fold;
    this.#folding = [];
    owned.builder.digestOf = (offset) => this.#digestOf(head, offset);
    let isTold = !this.progress.isStopped;
    this.progress.takenOver(head.position);
    if (isTold) this.#tellTakenOver(owned);
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, this.#killing.signal]);
    const publisher = this.#publisherFor(owned, signal);
    const { progress } = this;
    const parts = { ...this.#parts, partition, progress, signal };
    const committer = new Committer(parts, owned, publisher);
    const reader = owned.from.reader(TOPIC_EVENTS, partition, head.position);
    const { partitions } = stream;
    const barriers = new BarrierCompleter({ ...this.#parts, partition, partitions });
    try {
      for (;;) {
        const records = await this.#poll(reader);
        if (records === undefined) break;
        this.#readAtUs = this.#parts.clock.nowUs();
        if (records.length === 0) await this.#tick();
        // Others append: a tick that failed before is made up for.
        else progress.done('tick');
        this.#hasMore = records.length === 0 || isMuch(records, this.#parts.settings);
        // Of all that wait here one folds, and what it puts out counts for the others.
        while (!this.#hasRoomBeside) await unpublished.change(this.#stopping.signal);
        if (this.#stopping.signal.aborted) break;
        const unfoldable = this.#fold(owned, records);
        publisher.pump(() => head.position);
        if (unfoldable !== undefined) throw unfoldable.error;
        await publisher.room();
        committer.commitWhenDue();
        checkpoints.whenDue(partition, owned.committed);
        const inForce = owned.fold.tables?.barrier.number;
        if (inForce !== undefined) await barriers.complete(inForce);
        this.#backoff.reset();
        if (!isTold) this.#tellTakenOver(owned);
        isTold = true;
        this.#observe(owned, reader.end);
      }
      await committer.commitLast();
      checkpoints.whenDue(partition, owned.committed);
    } catch (error) {
      if (errorKind(error) === 'permanent') await this.#commitBefore(error, committer);
      throw error;
    } finally {
      over.abort();
      if (!this.#killing.signal.aborted) unpublished.note(partition, 0);
      await reader.close();
      await committer.settled();
    }
  }

  /**
   * What came before the reason to stop is sound, and must not depend on how it was read. And of a
   * log that is gone it cannot be folded again: a state behind what was put out would be for ever.
   */
  async #commitBefore(error: unknown, committer: Committer): Promise<void> {
    if (!this.progress.isStoppedFor(error)) this.progress.waiting(error);
    try {
      await committer.commitLast();
    } catch (failure) {
      // Then it was the reason, or comes on top of it; a defect is told in any case.
      if (errorKind(failure) === 'defect') throw failure;
    }
  }

  /** Waits for more, when the last records came a moment ago and all that lay ready was read. */
  async #gather(signal: AbortSignal): Promise<void> {
    const { clock, settings } = this.#parts;
    if (this.#hasMore) return;
    const moreMs = settings.gatherMs - (clock.nowUs() - this.#readAtUs) / 1000;
    // A clock that was set back must not hold records back until it has caught up.
    if (moreMs >= 1 && moreMs <= settings.gatherMs) await clock.sleep(moreMs, signal);
  }

  /** Undefined when stopping interrupted the poll: what was folded before is still committed. */
  async #poll(reader: ReturnType<Stream['reader']>): Promise<readonly StreamRecord[] | undefined> {
    const { pollBytesMax: bytesMax } = this.#parts.settings;
    const { signal } = this.#stopping;
    if (signal.aborted) return undefined;
    try {
      await this.#gather(signal);
      return await reader.next({ bytesMax, waitMs: this.#idleMs(), signal });
    } catch (error) {
      if (signal.aborted) return undefined;
      throw error;
    }
  }

  /**
   * How long to wait before a tick. Idle partitions tick together, at multiples of the interval:
   * their ticks, and all that follows from those, go through the log in one request.
   */
  #idleMs(): number {
    const { clock, settings } = this.#parts;
    const { tickMs } = settings;
    const untilMs = tickMs - ((clock.nowUs() / 1000) % tickMs);
    return untilMs < tickMs / 4 ? untilMs + tickMs : untilMs;
  }

  /**
   * Dedupe, place, fold: all in memory. Returns the error of a record that can never be folded;
   * all before it are.
   */
  #fold(
    { fold }: OwnedPartition,
    records: readonly StreamRecord[],
  ): { error: unknown } | undefined {
    if (records.length === 0) return undefined;
    const batch = countBatch(fold);
    const { head } = fold;
    const begun = head.position;
    let unfoldable: { error: unknown } | undefined;
    this.#folding = records;
    try {
      while (head.position < begun + records.length) {
        const from = head.position - begun;
        const some = { from, position: head.position, samplesMax: AT_ONCE_MAX, room: this.#room };
        fold.applyAll(decodeTogether(records, some));
      }
    } catch (error) {
      if (errorKind(error) !== 'permanent') throw error;
      unfoldable = { error };
    }
    this.#folding = [];
    const folded = records.slice(0, head.position - begun);
    const last = folded.at(-1);
    if (last !== undefined) head.lastDigest = recordDigest(last.payload);
    this.progress.folded(
      head.position,
      folded.map(({ appendTimeUs }) => appendTimeUs),
    );
    this.#parts.events.folded(this.partition, batch.done(folded));
    for (const loss of fold.takeLosses()) this.#parts.events.lost(this.partition, loss);
    return unfoldable;
  }

  /** By it whoever applies what is put out recognises the log: see `SeriesRecord`. */
  #digestOf({ position, lastDigest }: PartitionHead, offset: number): string | undefined {
    const at = offset - (this.#folding[0]?.offset ?? position);
    const record = this.#folding[at];
    if (record !== undefined) return recordDigest(record.payload);
    // It changes when all of those at hand are folded.
    return at === -1 && lastDigest !== '' ? lastDigest : undefined;
  }

  #publisherFor({ builder }: OwnedPartition, signal: AbortSignal): Publisher {
    const { producer, clock, events, settings, unpublished } = this.#parts;
    const { progress } = this;
    const { pendingBytesMax } = settings;
    return new Publisher({
      partition: this.partition,
      builder,
      producer,
      clock,
      signal,
      pendingBytesMax,
      onPending: (bytes) => unpublished.note(this.partition, bytes > pendingBytesMax ? bytes : 0),
      onSend: () => progress.begins('publish', clock.nowUs()),
      onRetry: (error) => {
        progress.failed('publish', error, clock.nowUs());
        events.publishRetried(this.partition, error);
      },
      onPublished: ({ payload }) => {
        progress.done('publish');
        events.published(this.partition, payload.length);
      },
    });
  }

  /** Moves the time of an idle partition. A lost tick is made up for by the next one. */
  async #tick(): Promise<void> {
    const { clock, producer, events } = this.#parts;
    this.progress.begins('tick', clock.nowUs());
    const tick = { kind: EventsRecordKind.tick, receivedAtUs: clock.nowUs() } as const;
    try {
      await producer.append(TOPIC_EVENTS, this.partition, encodeEventsRecord(tick));
      this.progress.done('tick');
    } catch (error) {
      if (errorKind(error) !== 'transient') throw error;
      this.progress.failed('tick', error, clock.nowUs());
      events.tickFailed(this.partition, error);
    }
  }

  #observe({ fold }: OwnedPartition, readEnd?: number): void {
    const { progress } = this;
    const { position, partitionTimeUs, logId } = fold.head;
    const acknowledged = this.#parts.acknowledged(this.partition, logId);
    const lost = lostSamples(fold) - acknowledged;
    progress.endOffset = Math.max(position, readEnd ?? position);
    progress.partitionTimeUs = partitionTimeUs;
    progress.warning = lost <= 0 ? undefined : samplesLost(this.partition, lost, acknowledged);
    progress.running();
  }
}

/** Whether a poll most likely ended because of its bound. */
function isMuch(records: readonly StreamRecord[], settings: TransformerSettings): boolean {
  const bytes = records.reduce((sum, { payload }) => sum + payload.length, 0);
  return bytes > settings.pollBytesMax / 2;
}
