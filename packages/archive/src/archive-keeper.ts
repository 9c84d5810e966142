import { errorKind, type ArchiveStatus, type Clock } from '@millrace/runtime';
import { TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { CheckpointArchiver } from './archive-checkpoints.ts';
import type { ArchiveEvents } from './archive-events.ts';
import type { ArchiveFiles } from './archive-files.ts';
import { reasonOf } from './archive-reason.ts';
import type { ArchiveSection } from './archive-settings.ts';
import { Archiver } from './archiver.ts';

export interface ArchiveKeeperParts {
  stream: Stream;
  files: ArchiveFiles;
  /** Binds the log to the archive, and rejects when it is not the right one. */
  claim: (signal: AbortSignal) => Promise<void>;
  clock: Clock;
  events: ArchiveEvents;
  /** The partitions whose log is archived here, now. */
  owned: () => readonly number[];
  /** Which log a partition is of, by its committed state; undefined: nobody knows yet. */
  logIdOf: (partition: number) => Promise<string | undefined>;
}

export type KeptArchiveSettings = Pick<
  ArchiveSection,
  'rangeBytesMax' | 'rangeMsMax' | 'checkpointMs' | 'samplesTable'
>;

const LOOK_MS = 5000;
/** After a failure: whoever holds the archive must not be asked all the time. */
const RETRY_MS = 15_000;
/** What attempts that broke off have left is small, and in nobody's way. */
const TIDY_MS = 24 * 3_600_000;

/** Archives the partitions that are owned here, as long as it runs. */
export class ArchiveKeeper {
  readonly #parts: ArchiveKeeperParts;
  readonly #archiver: Archiver;
  readonly #checkpoints: CheckpointArchiver;
  readonly #statuses = new Map<number, ArchiveStatus>();
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #tidiedUs = -Infinity;

  constructor(parts: ArchiveKeeperParts, settings: KeptArchiveSettings) {
    this.#parts = parts;
    const { stream, files, clock, events } = parts;
    this.#archiver = new Archiver(
      { stream, files, clock, onArchived: events.archived, onGap: events.gap },
      settings,
    );
    this.#checkpoints = new CheckpointArchiver(
      {
        ...{ stream, files, onArchived: events.checkpointArchived },
        onTooLarge: events.checkpointTooLarge,
      },
      settings,
    );
  }

  /** Resolves when stopped. It never rejects: nothing acknowledged depends on it. */
  run(): Promise<void> {
    return (this.#running ??= this.#run());
  }

  statuses(): ArchiveStatus[] {
    return [...this.#statuses.values()].toSorted((a, b) => a.partition - b.partition);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, owned } = this.#parts;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const partitions = owned();
      this.#keepOnly(partitions);
      // Once for all of them: a disk may go away, and come back, at any time.
      let claiming: Promise<void> | undefined;
      const claim = (): Promise<void> => (claiming ??= this.#parts.claim(signal));
      let isBehind = false;
      let hasFailed = false;
      for (const partition of partitions) {
        if (signal.aborted) break;
        const outcome = await this.#archive(partition, claim);
        hasFailed ||= outcome === 'failed';
        isBehind ||= outcome === 'behind';
      }
      if (!hasFailed && claiming !== undefined) await this.#tidy();
      // What waits is many ranges: then there is no pause.
      const waitMs = hasFailed ? RETRY_MS : isBehind ? 0 : LOOK_MS;
      await clock.sleep(waitMs, signal).catch(() => undefined);
    }
  }

  async #tidy(): Promise<void> {
    const { files, clock, events } = this.#parts;
    const nowUs = clock.nowUs();
    if (nowUs - this.#tidiedUs < TIDY_MS * 1000) return;
    this.#tidiedUs = nowUs;
    try {
      const removed = await files.removeUnfinished(this.#stopping.signal);
      if (removed > 0) events.unfinishedRemoved(removed);
    } catch (error) {
      if (!this.#stopping.signal.aborted) events.untidy(error);
    }
  }

  async #archive(
    partition: number,
    claim: () => Promise<void>,
  ): Promise<'done' | 'behind' | 'failed'> {
    const { stream, clock, events, logIdOf } = this.#parts;
    const { signal } = this.#stopping;
    const before = this.#statuses.get(partition);
    try {
      const logId = await logIdOf(partition);
      if (logId === undefined) return 'done';
      await claim();
      const { position } = await this.#archiver.archive(partition, logId, { signal });
      await this.#checkpoints.archive(partition, logId, { nowUs: clock.nowUs(), signal });
      const { end } = await stream.bounds(TOPIC_EVENTS, partition);
      this.#statuses.set(partition, { partition, position, endOffset: end });
      events.observed(partition, position, end - position);
      if (before?.reason !== undefined) events.goesOn(partition);
      const hasMore = position > (before?.position ?? 0) && this.#archiver.hasMore(partition);
      return hasMore ? 'behind' : 'done';
    } catch (error) {
      if (signal.aborted && errorKind(error) === 'aborted') return 'done';
      const reason = reasonOf(error);
      const at = { position: before?.position ?? 0, endOffset: before?.endOffset ?? 0 };
      this.#statuses.set(partition, { partition, ...at, reason });
      // Once for each reason: it lasts as long as whatever is wrong.
      if (before?.reason?.code !== reason.code) events.failed(partition, error);
      return 'failed';
    }
  }

  #keepOnly(partitions: readonly number[]): void {
    this.#archiver.keepOnly(partitions);
    this.#checkpoints.keepOnly(partitions);
    for (const partition of this.#statuses.keys()) {
      if (partitions.includes(partition)) continue;
      this.#statuses.delete(partition);
      this.#parts.events.gone(partition);
    }
  }
}
