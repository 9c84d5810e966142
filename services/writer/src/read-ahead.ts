import { compareAddress, type Address } from '@millrace/model';
import { errorKind, type Clock } from '@millrace/runtime';
import {
  TOPIC_SERIES,
  type PartitionReader,
  type Stream,
  type StreamRecord,
} from '@millrace/stream';
import type { StoredMark } from '@millrace/store';
import {
  decodeSeriesRecordColumns,
  decodeSeriesRecordHeader,
  LIVE_SOURCE,
  type SeriesRecord,
} from '@millrace/wire';
import { checkNotAhead } from './check-not-ahead.ts';
import type { Cursor, Cursors } from './cursors.ts';
import type { SampleRooms } from './sample-room.ts';
import {
  addToBatch,
  batchOf,
  fitsBatch,
  sharesBytes,
  type DecodedRecord,
  type SeriesBatch,
} from './series-batch.ts';
import type { WriterSettings } from './settings.ts';
import { atRecord } from './writer-errors.ts';

/** Entries are missing before the record that came next. */
export interface Gap {
  cursor: Cursor;
  /** Where the record begins that came instead. */
  from: Address;
  /** Its offset. */
  offset: number;
  appendTimeUs: number;
}

/** Of a batch of more than the usual number of entries `giveBack` is to be called after it. */
export type Fetched = { batch: SeriesBatch; giveBack: (() => void) | undefined } | { gap: Gap };

/**
 * Reads and decodes the next batch while the one before is applied. One batch at a time is being
 * collected; a record that does not fit waits until it is taken, so what is held is bounded. More
 * than usual is collected once the batch is asked for, and by one partition at a time: the log
 * holds it as well, and to read it takes less than to apply it.
 */
export class ReadAhead {
  readonly #params: ReadAheadParams;
  readonly #reader: PartitionReader;
  readonly #stop = new AbortController();
  readonly #reading: Promise<void>;
  #batch: SeriesBatch | undefined;
  /** So many entries in one batch cost less, says the store. */
  #wanted = 0;
  /** The most entries that were applied as one since reading began, which it does after a failure. */
  #proven = 0;
  /** When the batch before was taken, and for how long the store was busy with it. */
  #takenUs: number;
  #busyMs = 0;
  /** When the last record was added to what is collected, … */
  #addedUs: number;
  /** … and when the log took it: where what lies ready is collected, senders paused then. */
  #appendedUs: number;
  /** Since when more than usual may be collected; undefined: it may not. */
  #collectsSinceUs: number | undefined;
  /** A record that does not fit into the batch. */
  #waiting: DecodedRecord | undefined;
  /** Set when nothing more will be collected: why, in place of a further batch. */
  #end: { gap: Gap } | { error: unknown } | undefined;
  /** Lets the waiting side look again: `take` for a batch, the reading one for room. */
  #wake: () => void = () => undefined;
  #wasBelow = true;
  /** What is taken of the live source; undefined: nothing, also by the store. */
  #live: StoredMark | undefined;
  /** What is taken, when a record came that repeats some of it. */
  #repeated: StoredMark | undefined;
  /** The cursor that the last record moved: the next record most likely is of the same. */
  #last: Cursor | undefined;
  /** Where a record lies until it is added to a batch. */
  #bytes = new Uint8Array(0);

  constructor(params: ReadAheadParams) {
    this.#params = params;
    this.#live = params.live;
    const { stream, partition, position } = params;
    this.#reader = stream.reader(TOPIC_SERIES, partition, position);
    this.#takenUs = params.clock.nowUs();
    this.#addedUs = this.#takenUs;
    this.#appendedUs = this.#takenUs;
    this.#reading = this.#read();
  }

  /** When the log took the oldest record that is collected and not taken yet. */
  get appendTimeUs(): number | undefined {
    return this.#batch?.appendTimeUs;
  }

  /** What the store has of the live source once all that was read is applied. */
  get live(): StoredMark | undefined {
    return this.#live;
  }

  /** The end of the partition, as far as reading has seen it. */
  get end(): number | undefined {
    return this.#reader.end;
  }

  /**
   * The batch collected so far, as soon as there is one (of many entries a little later, see
   * `lingerMs`; of more than usual when it is its turn, and collected until then); or what keeps
   * the next from coming.
   * Rejects with the error of the log, of a record, or with the signal's reason.
   */
  async take(signal: AbortSignal): Promise<Fetched> {
    const turn: { giveBack?: () => void } = {};
    try {
      return await this.#take(signal, turn);
    } finally {
      this.#collectsSinceUs = undefined;
      turn.giveBack?.();
    }
  }

  async #take(signal: AbortSignal, turn: { giveBack?: () => void }): Promise<Fetched> {
    for (;;) {
      signal.throwIfAborted();
      const batch = this.#batch;
      if (batch !== undefined) {
        if (turn.giveBack === undefined && this.#hasMore(batch)) {
          turn.giveBack = await this.#params.collectingTurn(signal);
          this.#collectsSinceUs = this.#params.clock.nowUs();
          this.#waiting = undefined;
          this.#wake();
        }
        const moreMs = this.#lingersFor(batch);
        if (moreMs > 0) {
          await this.#changedWithin(moreMs, signal);
          continue;
        }
        const isLarge = batch.entries > this.#params.settings.batchEntriesMax;
        const giveBack = isLarge ? await this.#params.turn(signal) : undefined;
        this.#batch = undefined;
        this.#waiting = undefined;
        this.#collectsSinceUs = undefined;
        this.#takenUs = this.#params.clock.nowUs();
        this.#wake();
        return { batch, giveBack };
      }
      if (this.#end !== undefined) {
        if ('error' in this.#end) throw this.#end.error;
        return this.#end;
      }
      await this.#changed(signal);
    }
  }

  /**
   * So many entries were applied as one, and it costs less with as many as `wanted`: a batch may
   * have them as far as that is allowed, at first four times as many as there were before.
   */
  applied(entries: number, wanted: number): void {
    this.#busyMs = (this.#params.clock.nowUs() - this.#takenUs) / 1000;
    this.#wanted = ROOM * wanted;
    this.#proven = Math.max(this.#proven, entries);
  }

  /** Nothing more is collected; `take` rejects with the error when it has handed out the rest. */
  giveUp(error: unknown): void {
    if (this.#end === undefined) this.#finish({ error });
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#wake();
    await this.#reading;
    if (this.#batch !== undefined) this.#params.rooms.giveBack(this.#batch.samples);
    this.#batch = undefined;
    await this.#reader.close();
  }

  async #read(): Promise<void> {
    const { readBytesMax, readWaitMs } = this.#params.settings;
    const { signal } = this.#stop;
    try {
      for (;;) {
        const how = { bytesMax: readBytesMax, waitMs: readWaitMs, signal };
        for (const record of await this.#reader.next(how)) {
          const decoded = this.#decoded(record);
          if (this.#end !== undefined) return;
          if (this.#repeated !== undefined) await this.#checkRepeated(this.#repeated);
          // No pause while there is room: all of one read can become one batch.
          while (decoded !== undefined && !this.#add(decoded)) {
            signal.throwIfAborted();
            this.#waiting = decoded;
            this.#wake();
            await this.#changed(signal);
          }
        }
        // Whoever waits for all that lies ready may have it now.
        if (this.#collectsSinceUs !== undefined) this.#wake();
      }
    } catch (error) {
      if (errorKind(error) === 'aborted' && signal.aborted) return;
      this.#finish({ error });
    }
  }

  /**
   * Whether what waits would fit if it were the batch's turn to be large. Of another source, or
   * without room for its objects, it would not, and what comes live must not wait for a turn then.
   */
  #hasMore(batch: SeriesBatch): boolean {
    const share = this.#shareMax();
    const waiting = this.#waiting;
    if (waiting === undefined || share === 1) return false;
    return fitsBatch(batch, waiting, this.#params.settings, share);
  }

  /** How often the usual bounds of a batch fit into what is collected. */
  #share(): number {
    return this.#collectsSinceUs === undefined ? 1 : this.#shareMax();
  }

  /**
   * The same of the partition whose turn it is. After a failure, which may be for its size, a batch
   * is small again and does not become large at once.
   */
  #shareMax(): number {
    const { batchEntriesMax, backlogEntriesMax, largeBatchesMax } = this.#params.settings;
    // One is collected while others are applied.
    const most = backlogEntriesMax / (1 + largeBatchesMax);
    const tried = GROWTH * Math.max(batchEntriesMax, this.#proven);
    return Math.max(1, Math.min(this.#wanted, most, tried) / batchEntriesMax);
  }

  /** False when there is no room for it until the batch before is taken. */
  #add(decoded: DecodedRecord): boolean {
    const { clock, rooms } = this.#params;
    const batch = this.#batch;
    if (batch !== undefined && !this.#addTo(batch, decoded)) return false;
    this.#addedUs = clock.nowUs();
    this.#appendedUs = Math.min(this.#addedUs, decoded.appendTimeUs);
    if (batch !== undefined) return true;
    this.#batch = batchOf(decoded, rooms.take());
    this.#wake();
    return true;
  }

  #addTo(batch: SeriesBatch, decoded: DecodedRecord): boolean {
    const { settings, rooms } = this.#params;
    const { batchEntriesMax } = settings;
    const share = this.#share();
    const { entries } = batch;
    if (!addToBatch(batch, decoded, settings, share)) return false;
    if (entries <= batchEntriesMax && batch.entries > batchEntriesMax) {
      batch.samples = rooms.enlarged(batch.samples, Math.ceil(share * batchEntriesMax));
    }
    return true;
  }

  /** For how long the batch is still to wait for more: until what it has is less than the rate. */
  #lingersFor(batch: SeriesBatch): number {
    if (this.#waiting !== undefined || this.#end !== undefined) return 0;
    const { clock, settings } = this.#params;
    const { lingerMs, lingerEntriesPerSecondMin } = settings;
    const nowUs = clock.nowUs();
    // A clock that was set back must not hold batches back until it has caught up.
    if (nowUs < this.#takenUs) this.#takenUs = nowUs;
    if (nowUs < this.#addedUs) this.#addedUs = nowUs;
    if (nowUs < this.#appendedUs) this.#appendedUs = nowUs;
    if (nowUs < (this.#collectsSinceUs ?? 0)) this.#collectsSinceUs = nowUs;
    const worthMs = (batch.entries / lingerEntriesPerSecondMin) * 1000;
    const leftOf = (ms: number, sinceUs = this.#takenUs): number =>
      Math.min(ms, worthMs) - (nowUs - sinceUs) / 1000;
    const lastUs = this.#collectsSinceUs === undefined ? this.#addedUs : this.#appendedUs;
    const untilPause = (ms: number): number => ms - (nowUs - lastUs) / 1000;
    const lingersMs = this.#isBacklog(batch, nowUs)
      ? Math.min(leftOf(this.#backlogLingerMs), untilPause(settings.backlogPauseMs))
      : Math.min(leftOf(lingerMs), untilPause(settings.lingerPauseMs));
    // What lies ready comes along.
    const behindMs = this.#isBehind(batch)
      ? leftOf(settings.backlogReadMs, this.#collectsSinceUs)
      : 0;
    const moreMs = Math.max(lingersMs, behindMs);
    return moreMs < 1 ? 0 : moreMs;
  }

  /** The busier the store is, the longer: that makes what it has to do less. */
  get #backlogLingerMs(): number {
    const { backlogLingerMs, backlogLingerMsMax } = this.#params.settings;
    return Math.max(backlogLingerMs, Math.min(REST * this.#busyMs, backlogLingerMsMax));
  }

  /** Whether more of what may be collected now lies in the log. */
  #isBehind({ position }: SeriesBatch): boolean {
    return this.#collectsSinceUs !== undefined && position < (this.#reader.end ?? 0);
  }

  /** Whether more in one transaction costs less, and nobody waits for it. */
  #isBacklog({ newestUs, hasUnverified }: SeriesBatch, nowUs: number): boolean {
    // To look for each of very many costs more than long rows save.
    if (hasUnverified || this.#shareMax() === 1) return false;
    // Without samples there is nothing that would cost less.
    return newestUs !== -Infinity && nowUs - newestUs > 1000 * this.#params.settings.backlogAgeMs;
  }

  #decoded(streamRecord: StreamRecord): DecodedRecord | undefined {
    try {
      return this.#decode(streamRecord);
    } catch (error) {
      throw atRecord(error, this.#params.partition, streamRecord.offset);
    }
  }

  /** Undefined when the record has nothing new, or nothing more will be collected. */
  #decode(streamRecord: StreamRecord): DecodedRecord | undefined {
    const { cursors } = this.#params;
    const { offset, appendTimeUs, payload } = streamRecord;
    // Behind a record below the mark comes another one, most likely: its header is enough.
    if (this.#wasBelow && cursors.verdict(decodeSeriesRecordHeader(payload), offset) === 'below') {
      return this.#skip(offset);
    }
    const bytes = this.#copyOf(payload);
    const expected = this.#last;
    let record = decodeSeriesRecordColumns(bytes, expected?.next);
    const verdict = cursors.verdict(record, offset);
    const cursor = cursors.at(record);
    const isLive = record.source === LIVE_SOURCE;
    const isAgain = verdict === 'below' || compareAddress(record.from, cursor.next) < 0;
    if (isAgain && isLive && !this.#wasBelow) this.#repeated = this.#live;
    this.#wasBelow = verdict === 'below';
    if (verdict === 'below') return this.#skip(offset);
    if (verdict === 'gap') {
      this.#finish({ gap: { cursor, from: record.from, offset, appendTimeUs } });
      return undefined;
    }
    if (cursor !== expected) record = decodeSeriesRecordColumns(bytes, cursor.next);
    const { key, hasMark, next: from } = cursor;
    cursors.advance(cursor, record.to);
    this.#last = cursor;
    if (isLive) this.#live = markBehind(record, this.#live);
    // What is made of these bytes is kept with the batch.
    if (sharesBytes(record.entries)) this.#bytes = new Uint8Array(0);
    return { key, hasMark, from, record, bytes: bytes.length, offset, appendTimeUs };
  }

  /** The payload is the reader's, and columns are views on it. Valid until the next call. */
  #copyOf(payload: Uint8Array): Uint8Array {
    const { length } = payload;
    if (length > this.#bytes.length) this.#bytes = new Uint8Array(length);
    const bytes = this.#bytes.subarray(0, length);
    bytes.set(payload);
    return bytes;
  }

  /**
   * The transformer went back: as it does after a failure, and also when somebody put its state
   * back because the log lost its end. Then what it puts out now is something else under addresses
   * that are taken, and must not be passed over without a word.
   */
  async #checkRepeated(taken: StoredMark): Promise<void> {
    this.#repeated = undefined;
    await checkNotAhead(this.#params, new Map([[LIVE_SOURCE, taken]]), this.#stop.signal);
  }

  #skip(offset: number): undefined {
    if (this.#batch !== undefined) this.#batch.position = offset + 1;
    return undefined;
  }

  #finish(end: { gap: Gap } | { error: unknown }): void {
    this.#end = end;
    this.#wake();
  }

  /** As below, at the latest after so many milliseconds. */
  async #changedWithin(ms: number, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const either = AbortSignal.any([signal, over.signal]);
    const waiting = this.#params.clock.sleep(ms, either).catch(() => undefined);
    await Promise.race([waiting, this.#changed(either)]);
    over.abort();
    await waiting;
  }

  /** Resolves at the next wake-up, or when the signal aborts. */
  async #changed(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const before = this.#wake;
      const over = (): void => {
        signal.removeEventListener('abort', over);
        before();
        resolve();
      };
      this.#wake = () => {
        this.#wake = () => undefined;
        over();
      };
      signal.addEventListener('abort', over, { once: true });
    });
  }
}

/** What the store has once the record is applied, behind what it has before. */
function markBehind(record: SeriesRecord, before: StoredMark | undefined): StoredMark {
  const { logId, logNumber, to: mark } = record;
  const known = before?.logId === logId ? before : undefined;
  const folded = record.folded ?? known?.folded;
  const counted = record.entries.ledger.at(-1) ?? known?.counted;
  return { logId, logNumber, mark, ...(folded && { folded }), ...(counted && { counted }) };
}

/** Of the records one more has to fit. */
const ROOM = 1.05;
/** So many times as large as the largest before it a batch may be. */
const GROWTH = 4;
/** From one batch of a backlog to the next, so many times as long as the store took for the first. */
const REST = 4;

type ReadAheadParams = Readonly<{
  stream: Stream;
  clock: Clock;
  partition: number;
  /** Offset of the first record to read. */
  position: number;
  cursors: Cursors;
  /** What the store has of the live source; left out: nothing yet. */
  live?: StoredMark | undefined;
  settings: WriterSettings;
  /** Where samples are collected; whoever takes a batch gives its room back. */
  rooms: SampleRooms;
  /** Resolves, with how to give it back, when more entries than usual may be collected. */
  collectingTurn: (signal: AbortSignal) => Promise<() => void>;
  /** Likewise when a batch of so many may be applied. */
  turn: (signal: AbortSignal) => Promise<() => void>;
}>;
