import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock, Log } from '@millrace/runtime';
import { countReleasable, retentionOf, type ClosedSegment } from '../retention.ts';
import {
  closedStream,
  overloaded,
  partitionName,
  recordTooLarge,
  topicFull,
  type StreamError,
} from '../stream-error.ts';
import type { AppendResult, Topic } from '../stream.ts';
import { recoverPartition, type RecoveredPartition } from './partition-recovery.ts';
import { translateAppendError, translateFileError } from './segment-errors.ts';
import { createSegment, removeIfThere } from './segment-file-open.ts';
import { SpareSegment } from './spare-segment.ts';
import { zeros } from './zeros.ts';
import type { SegmentFiles } from './segment-files.ts';
import { GroupStaging } from './group-staging.ts';
import { frameBytes, SEGMENT_HEADER_BYTES, segmentFileName } from './segment-format.ts';
import type { SegmentSettings } from './segment-settings.ts';
import { SegmentTail } from './segment-tail.ts';
import type { SharedSlot } from './segment-shared.ts';

/** The next segment is prepared when so much of the open one is full. */
const SPARE_FROM = 3 / 4;
/** Zeros that are written ahead at once: an append that comes meanwhile waits for no more. */
const FILL_BYTES = 256 * 1024;

/** Payload bytes of one topic whose appends have not settled. */
export interface InFlight {
  bytes: number;
}

export type PartitionLogParams = Readonly<{
  files: SegmentFiles;
  directory: string;
  topic: Topic;
  partition: number;
  slot: SharedSlot;
  clock: Clock;
  log: Log;
  settings: SegmentSettings;
  inFlight: InFlight;
  /** Bytes of all partitions of the topic. */
  topicBytes: () => number;
}>;

interface PendingAppend {
  payload: Uint8Array;
  resolve: (result: AppendResult) => void;
  reject: (error: unknown) => void;
}

/**
 * The owner's side of one partition: appends become durable in groups. What arrives while a write
 * and its flush are under way is the next group, so the slower the device, the larger the groups.
 *
 * When a group fails, every append called before that moment is refused with it: were a later one
 * kept, the records of one caller could become durable with one missing between them.
 */
export class PartitionLog {
  readonly #params: PartitionLogParams;
  readonly #where: string;
  readonly #closed: ClosedSegment[];
  #closedBytes: number;
  #tail: SegmentTail;
  #start: number;
  #end: number;
  #queue: PendingAppend[] = [];
  #draining: Promise<void> | undefined;
  #releasing: Promise<void> = Promise.resolve();
  /** Leaving a closed segment behind. */
  #leaving: Promise<void> = Promise.resolve();
  readonly #spare: SpareSegment | undefined;
  /** Zeros could not be written into the open segment: they are not tried again there. */
  #isFilling = true;
  readonly #staging: GroupStaging;
  #isClosed = false;
  /** Set after a failed attempt to mend: no other before that long. */
  #brokenSinceUs: number | undefined;
  #failing: StreamError | undefined;

  private constructor(params: PartitionLogParams, recovered: RecoveredPartition) {
    this.#params = params;
    this.#where = partitionName(params.topic, params.partition);
    this.#closed = recovered.closed;
    this.#closedBytes = recovered.closed.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#staging = new GroupStaging(params.settings);
    const { aheadBytes } = params.settings;
    const where = this.#where;
    if (aheadBytes > 0) this.#spare = new SpareSegment({ ...params, where, aheadBytes });
    this.#tail = recovered.tail;
    this.#end = recovered.end;
    this.#start = recovered.closed[0]?.base ?? recovered.tail.base;
  }

  /** Recovers the partition's files and publishes what they hold. */
  static async open(params: PartitionLogParams): Promise<PartitionLog> {
    const where = partitionName(params.topic, params.partition);
    params.slot.claim(where);
    try {
      const recovered = await recoverPartition({ ...params, where }, params.clock.nowUs());
      const log = new PartitionLog(params, recovered);
      log.#publish();
      return log;
    } catch (error) {
      params.slot.disclaim();
      throw translateFileError(error, {
        where,
        doing: 'open its files',
        effect: 'Nothing was changed or lost.',
      });
    }
  }

  /** Bytes of its files that hold something. */
  get bytes(): number {
    return this.#closedBytes + this.#tail.flushedBytes;
  }

  /** One promise and nothing around it: there are thousands of appends a second. */
  append(payload: Uint8Array): Promise<AppendResult> {
    return new Promise((resolve, reject) => {
      // What is thrown here rejects it.
      this.#admit(payload.length);
      this.#params.inFlight.bytes += payload.length;
      this.#queue.push({ payload, resolve, reject });
      this.#draining ??= this.#drain();
    });
  }

  /** Forgets closed segments below `position` as far as the retention lets them go. */
  async release(position: number): Promise<void> {
    const released = this.#releasing.then(() => this.#release(position));
    this.#releasing = released.catch(() => undefined);
    await released;
  }

  /** Flushes what was appended before, seals and closes. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#draining;
    await this.#releasing;
    await this.#leaving;
    await this.#dropSpare();
    try {
      await this.#tail.seal(this.#end, this.#params.clock.nowUs());
      await this.#tail.flush();
    } catch (error) {
      this.#params.log.warn(
        { where: this.#where, error },
        'Could not seal the log at its close: everything acknowledged is kept.',
      );
    } finally {
      await this.#tail.close();
      this.#params.slot.disclaim();
    }
  }

  /** One that stays is removed at the next start. */
  async #dropSpare(): Promise<void> {
    try {
      await this.#spare?.drop();
    } catch (error) {
      this.#params.log.debug({ where: this.#where, error }, 'Could not remove a spare segment.');
    }
  }

  /** @throws StreamError when nothing is taken, or not so many bytes. */
  #admit(bytes: number): void {
    const { settings, inFlight, topic, topicBytes, clock } = this.#params;
    if (this.#isClosed) throw closedStream(this.#where);
    if (bytes > settings.recordBytesMax) {
      throw recordTooLarge(this.#where, bytes, settings.recordBytesMax);
    }
    if (settings.topicBytesMax > 0) {
      const held = topicBytes() + inFlight.bytes;
      if (held + bytes > settings.topicBytesMax) {
        throw topicFull(topic, held, settings.topicBytesMax);
      }
    }
    if (inFlight.bytes > 0 && inFlight.bytes + bytes > settings.inFlightBytesMax) {
      throw overloaded(this.#where, settings.inFlightBytesMax);
    }
    if (this.#brokenSinceUs !== undefined && this.#failing !== undefined) {
      const pausedUs = clock.nowUs() - this.#brokenSinceUs;
      // A clock that was set back must not make the pause longer.
      if (pausedUs >= 0 && pausedUs < settings.mendPauseMs * 1000) throw this.#failing;
    }
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      try {
        // Whatever is appended in this turn shares the flush: also what other connections bring,
        // whose bytes are there already. A flush costs as much for many records as for one.
        await nextTurn();
        await this.#commitGroup();
      } catch (error) {
        this.#refuseAll(error);
        await this.#mend();
      }
      if (this.#queue.length === 0) await this.#useRest();
    }
    this.#draining = undefined;
  }

  async #commitGroup(): Promise<void> {
    await this.#tail.mend();
    if (this.#mustRotate()) await this.#rotate();
    const appendTimeUs = this.#params.clock.nowUs();
    const offset = this.#end;
    const staged = this.#staging.stage(this.#queue, { tail: this.#tail, offset, appendTimeUs });
    await this.#tail.append(staged.bytes, staged.length);
    const group = this.#queue.splice(0, staged.count);
    this.#end += group.length;
    this.#publish();
    this.#reportHealthy();
    if (this.#tail.flushedBytes >= this.#params.settings.segmentBytes * SPARE_FROM) {
      this.#spare?.prepare();
    }
    for (let i = 0; i < group.length; i += 1) {
      const { payload, resolve } = group[i]!;
      this.#params.inFlight.bytes -= payload.length;
      resolve({ offset: offset + i, appendTimeUs });
    }
  }

  #mustRotate(): boolean {
    if (this.#tail.ended) return true;
    const next = frameBytes(this.#queue[0]!.payload.length) + frameBytes(0);
    const isFull = this.#tail.flushedBytes + next > this.#params.settings.segmentBytes;
    return isFull && !this.#tail.isEmpty;
  }

  async #rotate(): Promise<void> {
    const nowUs = this.#params.clock.nowUs();
    if (!this.#tail.ended) await this.#tail.end(this.#end, nowUs);
    const old = this.#tail;
    this.#tail = (await this.#spare?.take(this.#end)) ?? (await this.#newTail());
    this.#isFilling = true;
    this.#closed.push({
      base: old.base,
      end: this.#end,
      bytes: old.flushedBytes,
      closedAtUs: nowUs,
    });
    this.#closedBytes += old.flushedBytes;
    this.#publish();
    const left = this.#leaving;
    this.#leaving = left.then(() => this.#leave(old));
  }

  async #newTail(): Promise<SegmentTail> {
    const { files, directory } = this.#params;
    const segment = await createSegment({ files, directory, base: this.#end });
    const flushedBytes = SEGMENT_HEADER_BYTES;
    return await SegmentTail.open(files, segment, { flushedBytes, filledBytes: flushedBytes });
  }

  /** Nothing of it is missing whatever becomes of this: it is flushed. */
  async #leave(old: SegmentTail): Promise<void> {
    try {
      await old.trim();
    } catch (error) {
      this.#params.log.debug({ where: this.#where, error }, 'Could not trim a closed segment.');
    }
    try {
      await old.close();
    } catch (error) {
      this.#params.log.warn({ where: this.#where, error }, 'Could not close a flushed segment.');
    }
  }

  /**
   * Nothing waits: what else has to be done at some time is done now. A caller that appends again
   * as soon as it has its ack comes first.
   */
  async #useRest(): Promise<void> {
    await nextTurn();
    if (this.#queue.length > 0) return;
    await this.#seal();
    if (this.#queue.length === 0) await this.#fill();
  }

  /** Leaves a witness for the last group. It costs no flush. */
  async #seal(): Promise<void> {
    try {
      await this.#tail.seal(this.#end, this.#params.clock.nowUs());
    } catch (error) {
      this.#params.log.debug({ where: this.#where, error }, 'Could not seal the end of the log.');
    }
  }

  /** Before the groups that come find no blocks any more: no ack waits for those then. */
  async #fill(): Promise<void> {
    const { aheadBytes, segmentBytes } = this.#params.settings;
    const { flushedBytes, filledBytes } = this.#tail;
    if (!this.#isFilling || filledBytes - flushedBytes > aheadBytes / 2) return;
    const until = Math.min(filledBytes + aheadBytes, segmentBytes);
    try {
      do {
        const bytes = Math.min(FILL_BYTES, until - this.#tail.filledBytes);
        if (bytes <= 0 || !(await this.#tail.fill(zeros(bytes)))) return;
      } while (this.#queue.length === 0 && !this.#isClosed);
    } catch (error) {
      // Perhaps the disk is full; groups bring what they need.
      this.#isFilling = false;
      this.#params.log.debug({ where: this.#where, error }, 'Could not write zeros ahead.');
    }
  }

  #refuseAll(cause: unknown): void {
    const error = translateAppendError(cause, {
      where: this.#where,
      doing: 'write and flush records',
      effect: 'They were not acknowledged; everything acknowledged before is kept.',
    });
    if (this.#failing?.code !== error.code) {
      this.#params.log.error(
        { where: this.#where, code: error.code, error: error.message, remedy: error.remedy },
        'The log refuses records: senders are told to send again.',
      );
    }
    this.#failing = error;
    const refused = this.#queue;
    this.#queue = [];
    for (const { payload, reject } of refused) {
      this.#params.inFlight.bytes -= payload.length;
      reject(error);
    }
  }

  async #mend(): Promise<void> {
    try {
      await this.#tail.mend();
      this.#brokenSinceUs = undefined;
    } catch (error) {
      this.#brokenSinceUs = this.#params.clock.nowUs();
      this.#params.log.error(
        { where: this.#where, error },
        'Could not restore the end of the log after a failure; it is tried again.',
      );
    }
  }

  #reportHealthy(): void {
    if (this.#failing === undefined) return;
    this.#failing = undefined;
    this.#brokenSinceUs = undefined;
    this.#params.log.warn({ where: this.#where }, 'The log takes records again.');
  }

  async #release(position: number): Promise<void> {
    const { files, directory, clock, topic, settings } = this.#params;
    const count = countReleasable({
      closed: this.#closed,
      position,
      nowUs: clock.nowUs(),
      partitionBytes: this.bytes,
      settings: retentionOf(topic, settings),
    });
    for (let i = 0; i < count; i += 1) {
      const { base, end, bytes } = this.#closed[0]!;
      // Published first: a reader that finds the file gone must find out why.
      this.#start = end;
      this.#publish();
      await removeIfThere(files, `${directory}/${segmentFileName(base)}`).catch(
        (error: unknown) => {
          throw translateFileError(error, {
            where: this.#where,
            doing: `remove the segment of offset ${base}`,
            effect: 'It is tried again with the next release; no record is missing.',
          });
        },
      );
      this.#closed.shift();
      this.#closedBytes -= bytes;
    }
  }

  #publish(): void {
    this.#params.slot.publish({
      start: this.#start,
      end: this.#end,
      base: this.#tail.base,
      flushedBytes: this.#tail.flushedBytes,
    });
  }
}
