import { join } from 'node:path';
import type { Clock } from '@millrace/runtime';
import {
  checkPartition,
  closedStream,
  misuse,
  partitionName,
  STREAM_CODES,
  StreamError,
} from '../stream-error.ts';
import type { PartitionBounds, PartitionReader, Stream, StreamRecord, Topic } from '../stream.ts';
import { readLogFile } from './log-file.ts';
import { errnoOf, translateFileError } from './segment-errors.ts';
import { corruptSegment, openSegment } from './segment-file-open.ts';
import { nodeFiles, type SegmentFiles } from './segment-files.ts';
import { parseSegmentFileName, SEGMENT_HEADER_BYTES } from './segment-format.ts';
import { SegmentReader } from './segment-reader.ts';
import { scanSegment, type ScannedSegment } from './segment-scan.ts';
import { completeSettings, type SegmentSettings } from './segment-settings.ts';
import { createSegmentShared, SharedSlot, type PublishedEnd } from './segment-shared.ts';
import { SlotSignal } from './slot-signal.ts';

export type SegmentViewParams = Readonly<{
  directory: string;
  clock: Clock;
  settings?: Partial<SegmentSettings>;
  files?: SegmentFiles;
}>;

/** How often a view looks whether the log went on, and how often it believes in damage. */
const POLL_MS = 200;
const LOOKS_AT_DAMAGE = 3;

/**
 * The log as another process sees it, for tools: only reading, and changing nothing, whether its
 * owner runs or not. It shows what the files prove to be flushed. That is everything, except the
 * last group of an owner that was killed in the instant before it could note its flush.
 *
 * @throws StreamError STREAM_FORBIDDEN, or STREAM_NOT_SET_UP when there is no log.
 */
export async function openSegmentView(params: SegmentViewParams): Promise<Stream> {
  const files = params.files ?? nodeFiles;
  const { directory } = params;
  const found = await readLogFile(files, directory).catch((error: unknown) => {
    throw translateFileError(error, {
      where: directory,
      doing: 'look at the log',
      effect: 'Nothing was read.',
    });
  });
  if (found === undefined) {
    throw new StreamError({
      code: STREAM_CODES.notSetUp,
      message: `There is no log in ${directory}: it has no log.json.`,
      remedy: 'Name the right data directory with --data-dir, or make a log there: "millrace up".',
    });
  }
  const settings = completeSettings(params.settings);
  return new SegmentView({ ...params, files, settings, partitions: found.partitions });
}

type ViewContext = Omit<SegmentViewParams, 'settings'> &
  Readonly<{ files: SegmentFiles; settings: SegmentSettings; partitions: number }>;

class SegmentView implements Stream {
  readonly partitions: number;
  readonly #context: ViewContext;
  readonly #shared: SharedArrayBuffer;
  readonly #readers = new Set<PartitionReader>();
  #closed = false;

  constructor(context: ViewContext) {
    this.#context = context;
    this.partitions = context.partitions;
    this.#shared = createSegmentShared(context.partitions);
  }

  producer(): ReturnType<Stream['producer']> {
    return {
      append: async () => {
        throw misuse('This view of the log is only for reading.');
      },
      close: async () => undefined,
    };
  }

  reader(topic: Topic, partition: number, position: number): PartitionReader {
    checkPartition(topic, partition, this.partitions);
    const { files, clock, settings } = this.#context;
    const directory = this.#directoryOf(topic, partition);
    const slot = new SharedSlot(this.#shared, topic, partition);
    const reader = new SegmentReader({
      files,
      directory,
      topic,
      partition,
      position,
      slot,
      signal: new SlotSignal(slot),
      clock,
      readBytesMax: settings.readBytesMax,
      onClose: () => this.#readers.delete(viewed),
    });
    const viewed: PartitionReader = {
      get end() {
        return reader.end;
      },
      next: (params) => this.#next(reader, { ...params, slot, topic, partition }),
      close: () => reader.close(),
    };
    if (this.#closed) void reader.close();
    else this.#readers.add(viewed);
    return viewed;
  }

  async bounds(topic: Topic, partition: number): Promise<PartitionBounds> {
    if (this.#closed) throw closedStream('The view of the log');
    checkPartition(topic, partition, this.partitions);
    const slot = new SharedSlot(this.#shared, topic, partition);
    const { start, end } = await this.#look(slot, topic, partition);
    return { start, end };
  }

  async release(): Promise<void> {
    throw misuse('This view of the log is only for reading.');
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#readers].map((reader) => reader.close()));
  }

  async #next(
    reader: SegmentReader,
    params: Parameters<PartitionReader['next']>[0] &
      Readonly<{ slot: SharedSlot; topic: Topic; partition: number }>,
  ): Promise<readonly StreamRecord[]> {
    const { bytesMax, signal, slot } = params;
    const within = (waitMs: number): Parameters<PartitionReader['next']>[0] =>
      signal === undefined ? { bytesMax, waitMs } : { bytesMax, waitMs, signal };
    let waitMs = 0;
    for (let leftMs = params.waitMs; ; leftMs -= waitMs) {
      const records = await this.#nextHeld(reader, within(waitMs), params);
      if (records.length > 0) return records;
      const before = slot.read()?.end;
      const { end } = await this.#look(slot, params.topic, params.partition);
      if (end === before && leftMs <= 0) return [];
      // What was just found is read without a wait.
      waitMs = end === before ? Math.min(leftMs, POLL_MS) : 0;
    }
  }

  /** What the owner has forgotten since the last look is out of range, and not damaged. */
  async #nextHeld(
    reader: SegmentReader,
    within: Parameters<PartitionReader['next']>[0],
    { slot, topic, partition }: Readonly<{ slot: SharedSlot; topic: Topic; partition: number }>,
  ): Promise<readonly StreamRecord[]> {
    const before = slot.read()?.start ?? 0;
    try {
      return await reader.next(within);
    } catch (error) {
      if (!(error instanceof StreamError) || error.code === STREAM_CODES.outOfRange) throw error;
      const { start } = await this.#look(slot, topic, partition);
      if (start <= before) throw error;
      return await reader.next(within);
    }
  }

  /** Finds out what is flushed by now, and publishes it to the readers of this view. */
  async #look(slot: SharedSlot, topic: Topic, partition: number): Promise<PublishedEnd> {
    const where = partitionName(topic, partition);
    try {
      const published = await this.#scan(slot.read(), where, this.#directoryOf(topic, partition));
      slot.publish(published);
      return published;
    } catch (error) {
      throw translateFileError(error, { where, doing: 'look at it', effect: 'Nothing was read.' });
    }
  }

  async #scan(
    known: PublishedEnd | undefined,
    where: string,
    directory: string,
  ): Promise<PublishedEnd> {
    const { files } = this.#context;
    const bases = await listBases(files, directory);
    const start = bases[0];
    const base = bases.at(-1);
    if (start === undefined || base === undefined) {
      return { start: 0, end: 0, base: 0, flushedBytes: SEGMENT_HEADER_BYTES };
    }
    const { file, header, path } = await openSegment({ files, directory, where, base }, 'read');
    try {
      let found: ScannedSegment | undefined;
      // An owner that writes meanwhile can look like damage: an early look at the front of the
      // file, a late one at its back. Not so a second time.
      for (let looks = 0; looks < LOOKS_AT_DAMAGE; looks += 1) {
        const isKnown = known?.base === base;
        const from = isKnown ? { bytes: known.flushedBytes, offset: known.end } : undefined;
        found = await scanSegment(file, header, from);
        if (found.damage === undefined) {
          const { witnessedOffset: end, witnessedBytes: flushedBytes } = found;
          return { start, end, base, flushedBytes };
        }
      }
      const detail = `the frame of offset ${found?.endOffset} fails its check`;
      throw corruptSegment({ where, path, byte: found?.endBytes ?? 0, detail });
    } finally {
      await file.close();
    }
  }

  #directoryOf(topic: Topic, partition: number): string {
    return join(this.#context.directory, topic, String(partition));
  }
}

async function listBases(files: SegmentFiles, directory: string): Promise<number[]> {
  const names = await files.list(directory).catch((error: unknown) => {
    // The log exists, and this partition was never opened.
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  });
  const bases = names.map((name) => parseSegmentFileName(name));
  return bases.filter((base) => base !== undefined).sort((a, b) => a - b);
}
