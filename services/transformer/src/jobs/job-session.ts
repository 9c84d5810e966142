import { MillraceError, type Backoff, type Clock } from '@millrace/runtime';
import { recordDigest } from '@millrace/checkpoint';
import { newCommit, type StateStore } from '@millrace/state';
import {
  TOPIC_EVENTS,
  type PartitionReader,
  type Producer,
  type Stream,
  type StreamRecord,
} from '@millrace/stream';
import { ColumnRoom } from '@millrace/wire';
import { Committer } from '../committer.ts';
import { AT_ONCE_MAX, decodeTogether, samplesOf } from '../decode-together.ts';
import type { AppendedRecord } from '../fold/partition-fold.ts';
import { LargeCommits } from '../large-commits.ts';
import { Publisher } from '../publisher.ts';
import { notSetUp, type OwnedPartition } from '../take-over.ts';
import type { Job } from './job.ts';
import type { JobEvents, JobKey } from './job-events.ts';
import { findJob, noteOver, type FoundJob } from './job-place.ts';
import type { JobProgress } from './job-progress.ts';
import type { JobSettings } from './job-settings.ts';

export interface JobSessionParts {
  key: JobKey;
  job: Job;
  stream: Stream;
  store: StateStore;
  producer: Producer;
  clock: Clock;
  events: JobEvents;
  settings: JobSettings;
  progress: JobProgress;
  backoff: Backoff;
  /** Whether what arrives gets on slowly. */
  isPressed?: () => boolean;
  /** Whether to commit, and to leave the rest for later. */
  isToRest: () => boolean;
  /** Ends the reading; what was folded is still published and committed. */
  stopping: AbortSignal;
  /** Ends everything under way. */
  killing: AbortSignal;
}

const READ_WAIT_MS = 1000;
const PRESSED_LOOK_MS = 100;
const PRESSED_MS_MAX = 2000;
/** Samples that are folded in one go: so many that it takes no longer than half a slice. */
const AT_ONCE_MIN = 4096;

/** One stretch of a job's work: it resolves when the job is over, or is to rest. */
export async function workOnJob(parts: JobSessionParts): Promise<void> {
  const { key, progress, stream, store, settings, events } = parts;
  const { partition } = key;
  const found = await findJob(
    {
      ...{ stream, store, partition },
      recordBytesMax: settings.recordBytesMax,
      signal: parts.killing,
      onDiscarded: (why) => events.discarded(key, why),
    },
    parts.job,
  );
  if (found === undefined) throw notSetUp(partition);
  if (found === 'over') {
    progress.over();
    return;
  }
  const ended = new AbortController();
  try {
    await new JobSession(parts, found, ended.signal).run();
  } finally {
    ended.abort();
  }
}

class JobSession {
  readonly #parts: JobSessionParts;
  readonly #found: FoundJob;
  readonly #owned: OwnedPartition;
  readonly #signal: AbortSignal;
  readonly #publisher: Publisher;
  /** Records are folded before others are read. */
  readonly #room = new ColumnRoom();
  #toldUs: number;
  /** When it let others have their turn. */
  #sliceUs: number;
  #isResting = false;
  #atOnceMax = AT_ONCE_MIN;

  constructor(parts: JobSessionParts, found: FoundJob, ended: AbortSignal) {
    this.#parts = parts;
    this.#found = found;
    const { builder, committed } = found;
    this.#owned = { fold: found.fold.fold, builder, committed };
    this.#signal = AbortSignal.any([ended, parts.killing]);
    this.#publisher = this.#createPublisher();
    this.#toldUs = parts.clock.nowUs();
    this.#sliceUs = this.#toldUs;
  }

  async run(): Promise<void> {
    const { progress, stream, key } = this.#parts;
    const { position } = this.#found.fold.head;
    progress.takenOver(position);
    progress.endOffset = Math.max(this.#found.endPosition, position);
    await this.#commitFirst();
    const committer = this.#createCommitter();
    const reader = stream.reader(TOPIC_EVENTS, key.partition, position);
    try {
      await this.#foldOn(reader, committer);
    } finally {
      await reader.close();
    }
  }

  /**
   * A job that begins says so in `metrics.series` first: that nothing lies before its position.
   * Without that, whoever goes on from what is committed would leave a gap.
   */
  async #commitFirst(): Promise<void> {
    const { store, key, progress, events } = this.#parts;
    const { first, builder } = this.#found;
    const { logId, position } = this.#found.fold.head;
    if (first === undefined) events.goesOn(key, position);
    else {
      builder.flush(position);
      this.#publisher.pump(() => position);
      await this.#publisher.settled();
      const next = newCommit({ logId, position });
      const expected = this.#owned.committed;
      const commit = { partition: key.partition, expected, next, pages: first };
      if ((await store.commit(commit)) === 'outrun') throw outrun(key);
      this.#owned.committed = next;
      // Encoded, it may be as large as all that is remembered.
      this.#found.first = undefined;
      events.begun(key, position);
    }
    progress.committedPosition = position;
  }

  async #foldOn(reader: PartitionReader, committer: Committer): Promise<void> {
    try {
      while (!this.#rests()) {
        const records = await this.#read(reader);
        this.#parts.progress.running();
        if (await this.#fold(records, committer)) {
          await this.#end(committer);
          return;
        }
      }
      await committer.commitLast();
      this.#noteCommitted();
    } finally {
      await committer.settled();
    }
  }

  /** Once it is to rest it does: what it has read and not folded is read again. */
  #rests(): boolean {
    return (this.#isResting ||= this.#parts.isToRest());
  }

  /** What arrives goes first; and yet the past gets on, or it would never be folded. */
  async #holdBack(): Promise<void> {
    const { clock, isPressed, events, key } = this.#parts;
    for (let ms = 0; ms < PRESSED_MS_MAX; ms += PRESSED_LOOK_MS) {
      if (isPressed?.() !== true || this.#rests()) return;
      await clock.sleep(PRESSED_LOOK_MS, this.#signal);
      events.heldBack(key, PRESSED_LOOK_MS);
    }
  }

  async #read(reader: PartitionReader): Promise<readonly StreamRecord[]> {
    const { stopping: signal, settings } = this.#parts;
    try {
      return await reader.next({ bytesMax: settings.pollBytesMax, waitMs: READ_WAIT_MS, signal });
    } catch (error) {
      if (signal.aborted) return [];
      throw error;
    }
  }

  /** True: it came to the barrier that began the candidate. In slices: others have their turn. */
  async #fold(records: readonly StreamRecord[], committer: Committer): Promise<boolean> {
    const { progress } = this.#parts;
    let last: StreamRecord | undefined;
    for (let next = 0; next < records.length;) {
      const some = this.#decode(records, next);
      if (!this.#apply(some)) return true;
      next += some.length;
      last = records[next - 1];
      if (!this.#isSliceOver() && !progress.samples.isOwed) continue;
      await this.#pass(last, committer);
      if (this.#rests()) return false;
    }
    await this.#pass(last, committer);
    return false;
  }

  #isSliceOver(): boolean {
    const { clock, settings } = this.#parts;
    return Math.abs(clock.nowUs() - this.#sliceUs) >= settings.sliceMs * 1000;
  }

  /**
   * Publishes what was folded and commits it when that is due. Waits where it has to be held back,
   * and lets others have their turn once the slice is over.
   */
  async #pass(last: StreamRecord | undefined, committer: Committer): Promise<void> {
    const { clock, progress, backoff } = this.#parts;
    const { fold } = this.#found;
    const isOver = (): boolean => this.#rests();
    if (last !== undefined) fold.head.lastDigest = recordDigest(last.payload);
    // What the log has lost was told when it came.
    fold.fold.takeLosses();
    progress.folded(fold.head.position, last === undefined ? [] : [last.appendTimeUs]);
    this.#publisher.pump(() => fold.head.position);
    await this.#publisher.room();
    committer.commitWhenDue();
    this.#noteCommitted();
    backoff.reset();
    this.#tell();
    await progress.samples.settle(isOver, this.#signal);
    await progress.published.settle(isOver, this.#signal);
    await this.#holdBack();
    // Whoever reads a little at a time would do hardly anything else.
    if (!this.#isSliceOver()) return;
    await clock.sleep(1, this.#signal);
    this.#sliceUs = clock.nowUs();
  }

  /** Those from number `from` on that are folded in one go: one, where a rate has to be held. */
  #decode(records: readonly StreamRecord[], from: number): AppendedRecord[] {
    return decodeTogether(records, {
      from,
      position: this.#found.fold.head.position,
      samplesMax: this.#parts.progress.samples.isBounded ? 0 : this.#atOnceMax,
      room: this.#room,
    });
  }

  /** False: among them is the barrier that began the candidate. */
  #apply(some: readonly AppendedRecord[]): boolean {
    const { progress, events, key, clock, settings } = this.#parts;
    const beganUs = clock.nowUs();
    const folded = this.#found.fold.applyAll(some);
    const isLong = Math.abs(clock.nowUs() - beganUs) > settings.sliceMs * 500;
    const atOnce = isLong ? this.#atOnceMax / 2 : this.#atOnceMax * 2;
    this.#atOnceMax = Math.min(AT_ONCE_MAX, Math.max(AT_ONCE_MIN, atOnce));
    const samples = some.slice(0, folded).reduce((sum, { record }) => sum + samplesOf(record), 0);
    progress.samples.use(samples);
    progress.rate.note(samples);
    events.folded(key, samples);
    return folded === some.length;
  }

  /** Puts out all that is open, and leaves a note that it is over. */
  async #end(committer: Committer): Promise<void> {
    const { store, key, progress, events } = this.#parts;
    const { fold } = this.#found;
    const publisher = this.#publisher;
    for (const _ of fold.end()) {
      publisher.pump(() => fold.head.position);
      await publisher.room();
      await progress.published.settle(() => false, this.#signal);
    }
    publisher.pump(() => fold.head.position);
    await publisher.settled();
    // In the middle of the last record nothing is committed: the note takes the place of all.
    await committer.settled();
    const { position, logId } = fold.head;
    if ((await noteOver({ store, partition: key.partition }, logId)) === 'outrun') {
      throw outrun(key);
    }
    progress.position = position;
    progress.over();
    events.over(key, position);
    events.observed(progress.jobStatus);
  }

  #noteCommitted(): void {
    this.#parts.progress.committedPosition = this.#owned.committed?.position;
  }

  #tell(): void {
    const { clock, settings, events, progress } = this.#parts;
    events.observed(progress.jobStatus);
    const nowUs = clock.nowUs();
    if (Math.abs(nowUs - this.#toldUs) < settings.tellMs * 1000) return;
    this.#toldUs = nowUs;
    events.told(progress.jobStatus);
  }

  #createPublisher(): Publisher {
    const { key, producer, clock, events, settings, progress } = this.#parts;
    const { builder } = this.#found;
    return new Publisher({
      ...{ partition: key.partition, builder, producer, clock, signal: this.#signal },
      pendingBytesMax: settings.pendingBytesMax,
      onSend: () => progress.begins('publish', clock.nowUs()),
      onRetry: (error) => {
        progress.failed('publish', error, clock.nowUs());
        events.retried(key, 'publish', error);
      },
      onPublished: ({ payload }) => {
        progress.done('publish');
        progress.published.use(payload.length);
        events.published(key, payload.length);
      },
    });
  }

  #createCommitter(): Committer {
    const { key, store: state, clock, settings, progress, events } = this.#parts;
    const { partition } = key;
    return new Committer(
      {
        // Its own turn: whether others commit meanwhile is none of a job's business.
        largeCommits: new LargeCommits(),
        ...{ partition, state, clock, signal: this.#signal, progress, settings },
        events: {
          committed: (_partition, _pages, bytes) => events.committed(key, bytes),
          commitRetried: (_partition, error) => events.retried(key, 'commit', error),
        },
      },
      this.#owned,
      this.#publisher,
    );
  }
}

function outrun({ candidate, partition }: JobKey): MillraceError {
  return new MillraceError({
    code: 'TRANSFORMER_OUTRUN',
    kind: 'outrun',
    message:
      `Somebody else committed the job of candidate ${candidate} in partition ${partition}; its ` +
      'state is loaded again.',
  });
}
