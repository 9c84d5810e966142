import { ADDRESS_ZERO, formatAddress, type Address } from '@millrace/model';
import { errorKind, type Clock, type Turns } from '@millrace/runtime';
import type { ApplyResult, MarkKey, Store, StoredMark } from '@millrace/store';
import type { Stream } from '@millrace/stream';
import { LIVE_SOURCE } from '@millrace/wire';
import { checkNotAhead } from './check-not-ahead.ts';
import { Cursors, type Cursor } from './cursors.ts';
import type { WriterEvents } from './events.ts';
import type { PartitionProgress } from './partition-progress.ts';
import { ReadAhead, type Gap } from './read-ahead.ts';
import { findCovering, isOutOfRange, seek } from './seek.ts';
import type { SampleRooms } from './sample-room.ts';
import { storeBatchOf, type SeriesBatch } from './series-batch.ts';
import type { WriterSettings } from './settings.ts';
import { markTakenBack, missingEntries } from './writer-errors.ts';

/** Told what the store has, so that those who wait for their samples can be answered. */
export interface StoredMarks {
  /** Everything below `position` of the events partition is applied and visible. */
  set(partition: number, position: Address): void;
}

export interface PartitionWriterParams {
  stream: Stream;
  store: Store;
  clock: Clock;
  marks: StoredMarks | undefined;
  events: WriterEvents;
  settings: WriterSettings;
  /**
   * Of all partitions. While one is applied its samples are in memory twice: as they were read, and
   * in order.
   */
  largeBatches: Turns;
  /** In which one of them is collected. */
  collecting: Turns;
  /** See `ReadAhead`. */
  rooms: SampleRooms;
  progress: PartitionProgress;
  /** Aborts when the stage stops. */
  signal: AbortSignal;
}

/** The steps of the writer on one partition. Each rejects with what its port rejects with. */
export class PartitionWriter {
  readonly #params: PartitionWriterParams;
  readonly #partition: number;
  #cursors: Cursors;
  /** Of the live source, as far as it was read when reading began. */
  #live: StoredMark | undefined;
  #ahead: ReadAhead | undefined;
  /** Of the batch that was fetched last, when it needs a turn. */
  #giveBack: (() => void) | undefined;

  constructor(params: PartitionWriterParams) {
    this.#params = params;
    this.#partition = params.progress.partition;
    params.progress.readEnd = () => this.#ahead?.end;
    params.progress.takenBack = () => this.#ahead?.giveUp(markTakenBack(this.#partition));
    this.#cursors = new Cursors(this.#partition, new Map());
  }

  /** Forgets everything, reads the store's marks and starts reading the log there. */
  async begin(): Promise<void> {
    const { stream, store, signal, progress, events } = this.#params;
    const partition = this.#partition;
    await this.close();
    const marks = await this.#answer(() => store.marks(partition));
    await checkNotAhead({ stream, partition }, marks, signal);
    const position = await seek({ stream, partition }, marks, signal);
    this.#cursors = new Cursors(partition, marks);
    const live = marks.get(LIVE_SOURCE);
    this.#live = live;
    this.#open(position);
    const mark = live?.mark ?? ADDRESS_ZERO;
    if (live !== undefined) this.#params.marks?.set(partition, mark);
    progress.begun(position, live && { position: undefined, mark, logId: live.logId });
    events.began({ partition, position, mark: formatAddress(mark) });
  }

  /** The next batch: all that lies ready, or else the first record that comes. */
  async fetch(): Promise<SeriesBatch> {
    const { progress, signal } = this.#params;
    for (;;) {
      progress.pendingSinceUs = this.#ahead!.appendTimeUs;
      const fetched = await this.#ahead!.take(signal);
      if ('batch' in fetched) {
        this.#giveBack = fetched.giveBack;
        progress.pendingSinceUs = fetched.batch.appendTimeUs;
        return fetched.batch;
      }
      progress.pendingSinceUs = fetched.gap.appendTimeUs;
      await this.#bridge(fetched.gap);
    }
  }

  /** One transaction. */
  async apply(batch: SeriesBatch): Promise<ApplyResult> {
    try {
      await this.#mark(batch);
      return await this.#apply(batch);
    } finally {
      this.#endTurn();
    }
  }

  #endTurn(): void {
    this.#giveBack?.();
    this.#giveBack = undefined;
  }

  /** Sees to it that the store has a mark to compare: a new log or source has none. */
  async #mark(batch: Readonly<{ key: MarkKey; hasMark: boolean }>): Promise<void> {
    const { store } = this.#params;
    if (!batch.hasMark) await this.#answer(() => store.openMark(batch.key));
  }

  async #apply(batch: SeriesBatch): Promise<ApplyResult> {
    const { store, clock, events, settings } = this.#params;
    const startedUs = clock.nowUs();
    const share = batch.entries / settings.batchEntriesMax;
    const result = await this.#answer(() => store.apply(storeBatchOf(batch)), share);
    if (result.outcome === 'outrun') events.outrun(batch);
    else events.applied(batch, result, (clock.nowUs() - startedUs) / 1e6);
    this.#ahead?.applied(batch.entries, result.cheaperFrom ?? 0);
    // Not after an error: the store may still be busy with what lies there.
    this.#params.rooms.giveBack(batch.samples);
    return result;
  }

  /** Tells what the store has now. */
  commit(batch: SeriesBatch): void {
    const { key, to: mark, position } = batch;
    const { progress } = this.#params;
    progress.pendingSinceUs = this.#ahead?.appendTimeUs;
    if (key.source !== LIVE_SOURCE) {
      progress.commitOfJob(position, key.source, { logId: key.logId, mark });
      return;
    }
    this.#params.marks?.set(this.#partition, mark);
    for (const { ledger } of batch.chunks) {
      progress.partitionTimeUs = ledger.at(-1)?.partitionTimeUs ?? progress.partitionTimeUs;
    }
    progress.commit(position, { position, mark, logId: key.logId });
  }

  async close(): Promise<void> {
    this.#endTurn();
    const ahead = this.#ahead;
    this.#ahead = undefined;
    await ahead?.close();
  }

  /** Asks the store; whoever looks meanwhile sees for how long. */
  async #answer<T>(ask: () => Promise<T>, share = 1): Promise<T> {
    const { progress, clock } = this.#params;
    progress.askingSinceUs = clock.nowUs();
    progress.askingShare = Math.max(1, share);
    try {
      return await ask();
    } finally {
      progress.askingSinceUs = undefined;
    }
  }

  #open(position: number): void {
    const [partition, cursors] = [this.#partition, this.#cursors];
    const { progress, largeBatches, collecting } = this.#params;
    const inTurn =
      (turns: Turns) =>
      (signal: AbortSignal): Promise<() => void> => {
        // It lies ready: from here on it is late.
        progress.pendingSinceUs = this.#ahead?.appendTimeUs;
        return turns.take(signal);
      };
    const turns = { turn: inTurn(largeBatches), collectingTurn: inTurn(collecting) };
    const reading = { partition, position, cursors, live: this.#live, ...turns };
    this.#ahead = new ReadAhead({ ...this.#params, ...reading });
  }

  /**
   * Goes on at the record that continues what is applied, wherever in the log it lies; until
   * there is one, the partition is stopped with the reason. Without what is missing of a job it
   * goes on: nobody is shown that before it is whole.
   */
  async #bridge(gap: Gap): Promise<void> {
    const { stream, settings, progress, events, signal } = this.#params;
    const { cursor } = gap;
    const isLive = cursor.key.source === LIVE_SOURCE;
    // Of a log that the store does not accept, missing entries are not the reason to tell.
    await this.#mark(cursor);
    cursor.hasMark = true;
    const offset = await findCovering({
      stream,
      partition: this.#partition,
      cursor,
      readBytesMax: settings.readBytesMax,
      readWaitMs: settings.readWaitMs,
      signal,
      onMissing: ({ to, isForgotten }) => {
        const error = this.#missing(cursor, to ?? gap.from, isForgotten);
        if (isLive) progress.stopped(error);
        events.missing(this.#partition, error);
        return isLive;
      },
    });
    this.#live = this.#ahead?.live;
    if (offset === undefined) this.#cursors.setAside(cursor);
    else {
      if (isLive) await this.#checkSameLog(cursor);
      events.found(this.#partition, offset);
      this.#cursors.continuesAt(cursor, offset);
    }
    progress.running();
    await this.close();
    // On the way there may be records of other sources.
    this.#open(Math.min(offset ?? gap.offset, gap.offset));
  }

  /** Whoever put out what was missing went back: maybe because the log lost its end meanwhile. */
  async #checkSameLog({ key }: Cursor): Promise<void> {
    const { stream, signal } = this.#params;
    const live = this.#live;
    if (live?.logId !== key.logId) return;
    const where = { stream, partition: this.#partition };
    await checkNotAhead(where, new Map([[LIVE_SOURCE, live]]), signal);
  }

  #missing(cursor: Cursor, to: Address, hasForgotten: boolean): ReturnType<typeof missingEntries> {
    const { key, next: from } = cursor;
    return missingEntries({
      partition: this.#partition,
      source: key.source,
      from,
      to,
      hasForgotten,
    });
  }
}

/**
 * Whether waiting a little and reading the mark again may help. A position that the log no longer
 * holds is one of these: what there is instead is found from the mark.
 */
export function isPassing(error: unknown): boolean {
  const kind = errorKind(error);
  return kind === 'transient' || kind === 'outrun' || isOutOfRange(error);
}
