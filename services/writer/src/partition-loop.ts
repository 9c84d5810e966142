import {
  createBackoff,
  errorKind,
  MillraceError,
  type Backoff,
  type Clock,
  type PartitionStatus,
  type PartitionTask,
  type Turns,
} from '@millrace/runtime';
import { StoreErrorCode, type Store } from '@millrace/store';
import type { Stream } from '@millrace/stream';
import type { WriterEvents } from './events.ts';
import { PartitionProgress } from './partition-progress.ts';
import { isPassing, PartitionWriter, type StoredMarks } from './partition-writer.ts';
import type { SampleRooms } from './sample-room.ts';
import type { WriterSettings } from './settings.ts';
import type { StoreReturn } from './store-return.ts';

export interface PartitionLoopParts {
  stream: Stream;
  store: Store;
  clock: Clock;
  events: WriterEvents;
  settings: WriterSettings;
  /** Of batches that are larger than usual, of all partitions. */
  largeBatches: Turns;
  collecting: Turns;
  /** Likewise. */
  rooms: SampleRooms;
  /** Of all partitions. */
  storeReturn: StoreReturn;
  marks?: StoredMarks | undefined;
}

/** Fetch, apply, commit: until it is stopped. */
export class PartitionLoop implements PartitionTask {
  readonly progress: PartitionProgress;
  readonly #parts: PartitionLoopParts;
  readonly #stopping = new AbortController();

  constructor(partition: number, parts: PartitionLoopParts) {
    this.progress = new PartitionProgress(partition);
    this.#parts = parts;
  }

  get status(): PartitionStatus {
    return this.progress.status(this.#parts.clock.nowUs());
  }

  stop(): void {
    this.#stopping.abort();
  }

  /** A transaction under way cannot be taken back: whether it was committed, the mark tells. */
  kill(): void {
    this.#stopping.abort();
  }

  async run(): Promise<void> {
    const { events, marks } = this.#parts;
    const { progress } = this;
    const { signal } = this.#stopping;
    const writer = new PartitionWriter({ ...this.#parts, marks, progress, signal });
    try {
      await this.#writeOn(writer);
      progress.stopped();
    } catch (error) {
      this.#stopFor(error);
      if (errorKind(error) === 'defect') throw error;
    } finally {
      await writer.close();
      if (signal.aborted) events.letGo(progress.partition);
    }
  }

  /** Until it is stopped; rejects with a defect, or because it was stopped. */
  async #writeOn(writer: PartitionWriter): Promise<void> {
    const { clock, settings } = this.#parts;
    const { signal } = this.#stopping;
    const { retryMsMin: delayMsMin, retryMsMax: delayMsMax } = settings;
    const backoff = createBackoff({ clock }, { delayMsMin, delayMsMax });
    let outruns = 0;
    let isAway = false;
    let hasBegun = false;
    const onBegun = (): void => {
      hasBegun = true;
      // Whoever never missed it tells nobody: others may wait for another reason.
      if (isAway) this.#parts.storeReturn.seen();
      isAway = false;
    };
    const onApplied = (): void => {
      backoff.reset();
      outruns = 0;
    };
    while (!signal.aborted) {
      hasBegun = false;
      try {
        await writeFromMark(writer, onBegun, onApplied);
        outruns += 1;
        // Once is a rival that was faster. Again and again is not, and must not spin.
        if (outruns > 1) await backoff.wait(signal);
      } catch (error) {
        // A store that answers and then goes away may do so because of what it is given.
        isAway = !hasBegun && isUnreachable(error);
        await this.#waitAfter(error, backoff, isAway);
      }
    }
  }

  async #waitAfter(error: unknown, backoff: Backoff, isAway: boolean): Promise<void> {
    const { clock, settings, events, store, storeReturn } = this.#parts;
    const { progress } = this;
    const { partition } = progress;
    const { signal } = this.#stopping;
    // After an error nobody knows what was applied; the mark does.
    if (isPassing(error)) {
      progress.waiting(error);
      events.retrying({ partition, error, delayMs: backoff.delayMs });
      if (!isAway) return await backoff.wait(signal);
      const delayMs = backoff.take();
      return await storeReturn.wait({ delayMs, look: () => store.marks(partition) }, signal);
    }
    if (signal.aborted || errorKind(error) !== 'permanent') throw error;
    this.#stopFor(error);
    // What no retry mends a person may have mended.
    await clock.sleep(settings.lookAgainMs, signal);
  }

  /** Told once for each reason, however often it is looked at again. */
  #stopFor(error: unknown): void {
    const { progress } = this;
    const isStopping = this.#stopping.signal.aborted && errorKind(error) === 'aborted';
    if (isStopping) {
      progress.stopped();
      return;
    }
    const { state, reason } = progress;
    progress.stopped(error);
    if (state === 'stopped' && reason?.code === progress.reason?.code) return;
    this.#parts.events.partitionStopped(progress.partition, error);
  }
}

/** Resolves when somebody else has moved the mark. */
async function writeFromMark(
  writer: PartitionWriter,
  onBegun: () => void,
  onApplied: () => void,
): Promise<void> {
  await writer.begin();
  onBegun();
  for (;;) {
    const batch = await writer.fetch();
    const { outcome } = await writer.apply(batch);
    if (outcome === 'outrun') return;
    writer.commit(batch);
    onApplied();
  }
}

function isUnreachable(error: unknown): boolean {
  return error instanceof MillraceError && error.code === StoreErrorCode.unreachable;
}
