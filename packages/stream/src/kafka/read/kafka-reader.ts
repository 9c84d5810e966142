import type { Clock } from '@millrace/runtime';
import {
  closedStream,
  misuse,
  partitionName,
  STREAM_CODES,
  StreamError,
} from '../../stream-error.ts';
import type { PartitionReader, StreamRecord, Topic } from '../../stream.ts';
import { WakeUps } from '../../wake-ups.ts';
import { translateKafkaError } from '../client/kafka-errors.ts';
import { measureRecordSet, RecordSet, RecordSetError } from './record-set.ts';

type NextParams = Readonly<{ bytesMax: number; waitMs: number; signal?: AbortSignal }>;

/** How often bytes that fail their check are fetched again before they count as damage. */
const LOOKS_AT_DAMAGE = 3;

/** What a fetch brought for one partition. */
export interface FetchAnswer {
  /** That was asked for. */
  readonly position: number;
  readonly end: number;
  readonly records: Buffer;
  /** Most of what came with it: keeping it wastes little. */
  readonly isMost: boolean;
  /** Without records: there was nothing at this time, by the monotonic clock. */
  readonly emptyMs: number;
}

/** What of a reader the fetcher sees. */
export interface FetchingReader {
  readonly topic: Topic;
  readonly partition: number;
  /** The offset to fetch from. */
  readonly fetchPosition: number;
  /** It has room, and somebody waits or will. */
  readonly wantsRecords: boolean;
  /** Somebody whose time is over waits to hear that there is nothing. */
  readonly isHasty: boolean;
  receive(answer: FetchAnswer): void;
  /** An attempt failed; it is made again as long as somebody waits. */
  fail(error: unknown): void;
  /** Nothing more can be read. */
  stop(error: unknown): void;
}

/**
 * Reads one partition out of what the fetcher brings: up to two pieces of it are held, the one
 * that is handed out and the one after, which is fetched ahead as soon as a second `next` shows
 * that there will be more of them.
 */
export class KafkaReader implements PartitionReader, FetchingReader {
  readonly topic: Topic;
  readonly partition: number;
  readonly #params: KafkaReaderParams;
  readonly #where: string;
  readonly #wakeUps = new WakeUps();
  readonly #sets: RecordSet[] = [];
  #heldBytes = 0;
  /** Offset of the next record to hand out, and of the next to fetch. */
  #position: number;
  #fetchPosition: number;
  /** The next to fetch is where a batch ended. */
  #isAligned = false;
  #end: number | undefined;
  #fetchedEnd: number | undefined;
  #calls = 0;
  #busy = false;
  #closed = false;
  #isHasty = false;
  /** When the broker last said that there is nothing more; by the monotonic clock. */
  #emptyMs = -Infinity;
  #failure: { error: unknown; sinceMs: number; atMs: number } | undefined;
  #stopped: { error: unknown } | undefined;
  #looks = 0;

  constructor(params: KafkaReaderParams) {
    this.#params = params;
    this.topic = params.topic;
    this.partition = params.partition;
    this.#where = partitionName(params.topic, params.partition);
    this.#position = params.position;
    this.#fetchPosition = params.position;
  }

  get end(): number | undefined {
    return this.#end;
  }

  get fetchPosition(): number {
    return this.#fetchPosition;
  }

  get wantsRecords(): boolean {
    if (this.#closed || this.#stopped !== undefined) return false;
    if (this.#busy && this.#sets.length === 0) return true;
    const isAhead = this.#calls > 1 && this.#failure === undefined;
    return isAhead && this.#heldBytes < this.#params.fetchBytesMax;
  }

  get isHasty(): boolean {
    return this.#isHasty;
  }

  async next(params: NextParams): Promise<readonly StreamRecord[]> {
    if (this.#busy) throw misuse(`${this.#where}: next was called before the last one settled.`);
    this.#busy = true;
    this.#calls += 1;
    try {
      params.signal?.throwIfAborted();
      return await this.#next(params, performance.now());
    } finally {
      this.#busy = false;
      this.#isHasty = false;
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#sets.length = 0;
    this.#params.onClose();
    this.#wakeUps.wake();
  }

  /** Takes what a fetch brought, unless it is of another position by now. */
  receive(answer: FetchAnswer): void {
    if (this.#closed || answer.position !== this.#fetchPosition) return;
    this.#failure = undefined;
    this.#fetchedEnd = answer.end;
    const found = measureRecordSet(answer.records);
    if (found !== undefined && found.next > answer.position) {
      const whole = answer.records.subarray(0, found.bytes);
      // Else a copy: the answer holds those of others too, and would be kept as long as these.
      const records = answer.isMost ? whole : Buffer.from(whole);
      const { position } = answer;
      this.#sets.push(new RecordSet(records, { position, mayBeWithin: !this.#isAligned }));
      this.#isAligned = true;
      this.#heldBytes += found.bytes;
      this.#fetchPosition = found.next;
    } else if (answer.end <= answer.position) {
      this.#emptyMs = answer.emptyMs;
    }
    this.#wakeUps.wake();
  }

  fail(error: unknown): void {
    const atMs = performance.now();
    this.#failure = { error, sinceMs: this.#failure?.sinceMs ?? atMs, atMs };
    this.#wakeUps.wake();
  }

  stop(error: unknown): void {
    this.#stopped ??= { error };
    this.#wakeUps.wake();
  }

  async #next(params: NextParams, sinceMs: number): Promise<readonly StreamRecord[]> {
    const { clock, kick, retryMs } = this.#params;
    const isReady = (): boolean => this.#sets.length > 0 || this.#isOver(sinceMs);
    const wait = { clock, signal: params.signal };
    for (;;) {
      const records = await this.#take(params.bytesMax);
      kick();
      if (records.length > 0) return records;
      this.#check(sinceMs);
      await this.#wakeUps.wait({ ...wait, waitMs: params.waitMs, ready: isReady });
      if (this.#sets.length > 0) continue;
      this.#check(sinceMs);
      // Its time is over. What was acknowledged before the call must have been seen: so either an
      // answer since then said that there is nothing, or one is fetched at once.
      this.#isHasty = true;
      kick();
      const ready = (): boolean => isReady() || this.#emptyMs >= sinceMs;
      await this.#wakeUps.wait({ ...wait, waitMs: retryMs, ready });
      this.#isHasty = false;
      if (this.#sets.length > 0) continue;
      this.#check(sinceMs);
      if (this.#emptyMs < sinceMs) {
        throw this.#unreadable(this.#failure?.error ?? new Error(`no answer in ${retryMs} ms`));
      }
      this.#end = this.#fetchedEnd;
      return [];
    }
  }

  /** As many records as fit, of what is held; none when that is none of ours. */
  async #take(bytesMax: number): Promise<StreamRecord[]> {
    const records: StreamRecord[] = [];
    let bytes = 0;
    try {
      for (let set = this.#sets[0]; set !== undefined; set = this.#sets[0]) {
        const record = await set.peek(this.#position);
        if (record === undefined) {
          this.#sets.shift();
          this.#heldBytes -= set.length;
          continue;
        }
        bytes += record.payload.length;
        if (records.length > 0 && bytes > bytesMax) break;
        set.take();
        records.push(record);
        this.#position = record.offset + 1;
      }
    } catch (error) {
      // What came before it is sound.
      if (records.length === 0) this.#refuse(error);
    }
    this.#looks = records.length > 0 ? 0 : this.#looks;
    if (records.length > 0) this.#end = Math.max(this.#position, this.#fetchedEnd ?? 0);
    return records;
  }

  /** Damage may have come on the way: it is fetched again, and believed after a few times. */
  #refuse(error: unknown): void {
    if (!(error instanceof RecordSetError)) throw error;
    this.#looks += 1;
    this.#sets.length = 0;
    this.#heldBytes = 0;
    this.#fetchPosition = this.#position;
    this.#isAligned = false;
    if (this.#looks >= LOOKS_AT_DAMAGE) this.stop(damaged(this.#where, error));
  }

  /** Whether there is no point in waiting on, for a call of that time. */
  #isOver(sinceMs: number): boolean {
    return this.#closed || this.#stopped !== undefined || this.#hasFailed(sinceMs);
  }

  /** An attempt made for this call failed, and so did all for as long as is tried inside. */
  #hasFailed(callMs: number): boolean {
    if (this.#failure === undefined || this.#failure.atMs < callMs) return false;
    return this.#failure.atMs - this.#failure.sinceMs >= this.#params.retryMs;
  }

  #check(callMs: number): void {
    if (this.#closed) throw closedStream(`The reader of ${this.#where}`);
    if (this.#stopped !== undefined) throw this.#stopped.error;
    if (this.#hasFailed(callMs)) throw this.#unreadable(this.#failure?.error);
  }

  #unreadable(error: unknown): StreamError {
    return translateKafkaError(error, {
      where: this.#where,
      doing: `read it at ${this.#position}`,
      effect: 'Nothing was skipped.',
    });
  }
}

function damaged(where: string, error: RecordSetError): StreamError {
  if (error.isUnknownFormat) {
    return new StreamError({
      code: STREAM_CODES.version,
      message: `${where}: ${error.message}, which this version cannot read. Nothing was skipped.`,
      remedy: 'Find out who writes into this topic; only Millrace should.',
      cause: error,
    });
  }
  return new StreamError({
    code: STREAM_CODES.corrupt,
    message:
      `${where}: ${error.message}, each time it is fetched. It was acknowledged, so nothing was ` +
      'skipped; the records before it are sound.',
    remedy:
      'Check the disks of the brokers. If another copy of the partition is sound, make its ' +
      'broker the leader (kafka-leader-election) and start again.',
    cause: error,
  });
}

export type KafkaReaderParams = Readonly<{
  topic: Topic;
  partition: number;
  position: number;
  clock: Clock;
  fetchBytesMax: number;
  retryMs: number;
  /** Lets the fetcher look again. */
  kick: () => void;
  onClose: () => void;
}>;
