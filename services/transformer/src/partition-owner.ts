import {
  createBackoff,
  errorKind,
  errorText,
  MillraceError,
  type Clock,
  type PartitionStatus,
} from '@millrace/runtime';
import type { StateStore } from '@millrace/state';
import { TOPIC_EVENTS, type Producer, type Stream, type StreamRecord } from '@millrace/stream';
import { decodeEventsRecord, encodeEventsRecord, EventsRecordKind } from '@millrace/wire';
import { Committer } from './committer.ts';
import { countBatch } from './count-batch.ts';
import type { TransformerEvents } from './events.ts';
import { Publisher } from './publisher.ts';
import type { TransformerSettings } from './settings.ts';
import { recordDigest, takeOver, type OwnedPartition } from './take-over.ts';

export interface OwnerParts {
  stream: Stream;
  state: StateStore;
  producer: Producer;
  clock: Clock;
  events: TransformerEvents;
  settings: TransformerSettings;
}

/** Owns one partition: poll, dedupe, place, fold, publish, commit, until it is stopped. */
export class PartitionOwner {
  readonly partition: number;
  readonly #parts: OwnerParts;
  #status: PartitionStatus;
  /** Ends the polling; what was folded is still published and committed. */
  readonly #stopping = new AbortController();
  /** Ends everything under way. */
  readonly #killing = new AbortController();

  constructor(partition: number, parts: OwnerParts) {
    this.partition = partition;
    this.#parts = parts;
    this.#status = { partition, state: 'starting', position: 0, endOffset: 0, lagMs: 0 };
  }

  get status(): PartitionStatus {
    return this.#status;
  }

  stop(): void {
    this.#stopping.abort();
  }

  /** Gives up at once; the next owner folds again what was not committed. */
  kill(): void {
    this.#stopping.abort();
    this.#killing.abort();
  }

  /** Resolves when stopped, also by a permanent reason (see `status`); rejects with a defect. */
  async run(): Promise<void> {
    const backoff = createBackoff({ clock: this.#parts.clock });
    while (!this.#stopping.signal.aborted) {
      try {
        const owned = await this.#takeOver();
        if (owned !== undefined) await this.#foldOn(owned);
        else await backoff.wait(this.#stopping.signal);
      } catch (error) {
        const goesOn = await this.#failed(error, () => backoff.wait(this.#stopping.signal));
        if (!goesOn) return;
      }
    }
  }

  async #failed(error: unknown, wait: () => Promise<void>): Promise<boolean> {
    const { events } = this.#parts;
    switch (errorKind(error)) {
      case 'aborted':
        return false;
      case 'outrun':
        events.outrun(this.partition);
        return true;
      case 'transient':
        events.readRetried(this.partition, error);
        this.#note({ state: 'waiting', reason: reasonOf(error) });
        return wait().then(
          () => true,
          () => false,
        );
      case 'permanent':
        events.stopped(this.partition, error);
        this.#note({ state: 'stopped', reason: reasonOf(error) });
        return false;
      case 'defect':
        throw error;
    }
  }

  async #takeOver(): Promise<OwnedPartition | undefined> {
    const { stream, state, settings, events } = this.#parts;
    const owned = await takeOver({
      stream,
      state,
      partition: this.partition,
      recordBytesMax: settings.recordBytesMax,
      signal: this.#killing.signal,
    });
    if (owned !== undefined) {
      const { position, logId } = owned.fold.head;
      events.takenOver(this.partition, { position, logId });
    }
    return owned;
  }

  async #foldOn(owned: OwnedPartition): Promise<void> {
    const { stream, settings } = this.#parts;
    const { fold } = owned;
    const { head } = fold;
    const publisher = this.#publisherFor(owned);
    const committer = new Committer(
      { ...this.#parts, partition: this.partition },
      owned,
      publisher,
    );
    const reader = stream.reader(TOPIC_EVENTS, this.partition, head.position);
    try {
      while (!this.#stopping.signal.aborted) {
        const records = await this.#poll(() =>
          reader.next({
            bytesMax: settings.pollBytesMax,
            waitMs: settings.tickMs,
            signal: this.#stopping.signal,
          }),
        );
        if (records === undefined) break;
        if (records.length === 0) await this.#tick();
        else this.#fold(owned, records);
        publisher.pump(() => head.position);
        await publisher.room();
        await committer.commitWhenDue(this.#killing.signal);
        await this.#observe(owned, records);
      }
      await committer.commitLast(this.#killing.signal);
    } finally {
      await reader.close();
      await committer.settled();
    }
  }

  /** Undefined when stopping interrupted the poll: what was folded before is still committed. */
  async #poll(
    next: () => Promise<readonly StreamRecord[]>,
  ): Promise<readonly StreamRecord[] | undefined> {
    try {
      return await next();
    } catch (error) {
      if (this.#stopping.signal.aborted) return undefined;
      throw error;
    }
  }

  /** Dedupe, place, fold: all in memory. */
  #fold({ fold }: OwnedPartition, records: readonly StreamRecord[]): void {
    const batch = countBatch(fold);
    for (const record of records) {
      if (record.offset !== fold.head.position) {
        throw new Error(`record ${record.offset} was read at position ${fold.head.position}`);
      }
      fold.apply(decodeEventsRecord(record.payload), record.appendTimeUs);
    }
    const last = records.at(-1);
    if (last !== undefined) fold.head.lastDigest = recordDigest(last.payload);
    this.#parts.events.folded(this.partition, batch.done(records));
  }

  #publisherFor({ builder }: OwnedPartition): Publisher {
    const { producer, clock, events, settings } = this.#parts;
    return new Publisher({
      partition: this.partition,
      builder,
      producer,
      clock,
      signal: this.#killing.signal,
      pendingBytesMax: settings.pendingBytesMax,
      onRetry: (error) => events.publishRetried(this.partition, error),
      onPublished: ({ payload }) => events.published(this.partition, payload.length),
    });
  }

  /** Moves the time of an idle partition. A lost tick is made up for by the next one. */
  async #tick(): Promise<void> {
    const { clock, producer, events } = this.#parts;
    const tick = { kind: EventsRecordKind.tick, receivedAtUs: clock.nowUs() } as const;
    try {
      await producer.append(TOPIC_EVENTS, this.partition, encodeEventsRecord(tick));
    } catch (error) {
      if (errorKind(error) !== 'transient') throw error;
      events.tickFailed(this.partition, error);
    }
  }

  async #observe({ fold }: OwnedPartition, records: readonly StreamRecord[]): Promise<void> {
    const { stream, clock } = this.#parts;
    const { position, partitionTimeUs } = fold.head;
    const { end } = await stream.bounds(TOPIC_EVENTS, this.partition);
    const newest = records.at(-1);
    const ageUs = newest === undefined ? 0 : clock.nowUs() - newest.appendTimeUs;
    this.#status = {
      partition: this.partition,
      state: 'running',
      position,
      endOffset: end,
      lagMs: end > position ? Math.max(0, Math.round(ageUs / 1000)) : 0,
      partitionTimeUs,
    };
  }

  #note(changed: Partial<PartitionStatus>): void {
    this.#status = { ...this.#status, ...changed };
  }
}

function reasonOf(error: unknown): NonNullable<PartitionStatus['reason']> {
  if (!(error instanceof MillraceError)) return { code: 'UNKNOWN', message: errorText(error) };
  return { code: error.code, message: error.message, remedy: error.remedy };
}
