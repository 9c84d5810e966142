import {
  STREAM_CODES,
  StreamError,
  TOPIC_EVENTS,
  type PartitionReader,
  type Stream,
  type StreamRecord,
} from '@millrace/stream';
import { archiveDamaged } from './archive-errors.ts';
import type { ArchivedPartition } from './archived-partition.ts';
import type { LoadedRanges } from './loaded-ranges.ts';
import type { ArchivedTopic } from './range.ts';
import type { LoadedRange } from './read-range.ts';

export interface ArchivedReaderParts {
  stream: Stream;
  archived: ArchivedPartition;
  loaded: LoadedRanges;
}

type NextParams = Parameters<PartitionReader['next']>[0];

/** Reads from the log what it holds, and from the archive what it has forgotten. */
export class ArchivedReader implements PartitionReader {
  readonly #parts: ArchivedReaderParts;
  readonly #topic: ArchivedTopic;
  readonly #partition: number;
  #position: number;
  #held: PartitionReader | undefined;
  #end: number | undefined;
  /** The range that was read last, and its last record's digest: the next one goes on from it. */
  #before: LoadedRange | undefined;

  constructor(
    parts: ArchivedReaderParts,
    at: Readonly<{ topic: ArchivedTopic; partition: number; position: number }>,
  ) {
    this.#parts = parts;
    this.#topic = at.topic;
    this.#partition = at.partition;
    this.#position = at.position;
  }

  get end(): number | undefined {
    return this.#held?.end ?? this.#end;
  }

  async next(params: NextParams): Promise<readonly StreamRecord[]> {
    const { stream } = this.#parts;
    if (this.#held !== undefined) {
      const records = await this.#fromLog(this.#held, params);
      if (records !== undefined) return records;
    }
    const { start, end } = await stream.bounds(this.#topic, this.#partition);
    this.#end = end;
    if (this.#position < start) {
      const records = await this.#fromArchive(params);
      if (records !== undefined) return records;
      // Of checkpoints the archive has some: behind its last one the log goes on.
      if (this.#topic !== TOPIC_EVENTS) this.#position = Math.max(this.#position, start);
    }
    this.#held = stream.reader(this.#topic, this.#partition, this.#position);
    return this.#note(await this.#held.next(params));
  }

  async close(): Promise<void> {
    await this.#held?.close();
  }

  /** Undefined: the log has forgotten meanwhile what comes next. */
  async #fromLog(
    held: PartitionReader,
    params: NextParams,
  ): Promise<readonly StreamRecord[] | undefined> {
    try {
      return this.#note(await held.next(params));
    } catch (error) {
      const isGone = error instanceof StreamError && error.code === STREAM_CODES.outOfRange;
      const { start } = await this.#parts.stream.bounds(this.#topic, this.#partition);
      if (!isGone || this.#position >= start) throw error;
      await held.close();
      this.#held = undefined;
      return undefined;
    }
  }

  /** Undefined: it has nothing that comes next. */
  async #fromArchive({
    bytesMax,
    signal,
  }: NextParams): Promise<readonly StreamRecord[] | undefined> {
    const { archived, loaded } = this.#parts;
    signal?.throwIfAborted();
    const found = await archived.rangeFor(this.#topic, this.#position, signal);
    if (found === undefined) return undefined;
    const range = await loaded.get(found.range, signal);
    this.#checkGoesOn(range);
    signal?.throwIfAborted();
    const records: StreamRecord[] = [];
    let bytes = 0;
    for (const record of await range.read(found.position)) {
      bytes += record.payload.length;
      if (records.length > 0 && bytes > bytesMax) break;
      records.push(record);
    }
    return this.#note(records);
  }

  /** Each file is sound by itself; here it is seen that they are of one log, in order. */
  #checkGoesOn(range: LoadedRange): void {
    const { from, previousSha256 } = range.manifest;
    const { to, lastSha256 } = this.#before?.manifest ?? {};
    if (to === from && previousSha256 !== null && previousSha256 !== lastSha256) {
      const { name } = range.range;
      const detail = 'it does not follow the range before it: its record before is another one';
      throw archiveDamaged({ where: this.#parts.loaded.where, name, detail });
    }
    // Only now: whoever asks once more must not be given what was refused.
    this.#before = range;
  }

  #note(records: readonly StreamRecord[]): readonly StreamRecord[] {
    const last = records.at(-1);
    if (last !== undefined) this.#position = last.offset + 1;
    return records;
  }
}
