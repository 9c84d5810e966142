import { dirname, join } from 'node:path';
import type { MessagePort } from 'node:worker_threads';
import type { Clock, Log } from '@millrace/runtime';
import { checkPartition, checkReleasable, closedStream, partitionName } from '../stream-error.ts';
import {
  partitionsOf,
  TOPICS,
  type AppendResult,
  type PartitionBounds,
  type PartitionReader,
  type Producer,
  type Stream,
  type Topic,
} from '../stream.ts';
import { checkPartitions, fixPartitions, readLogFile } from './log-file.ts';
import { PartitionLog } from './partition-log.ts';
import { errnoOf, translateFileError } from './segment-errors.ts';
import { nodeFiles, type SegmentFiles } from './segment-files.ts';
import { noWayTo, PeerTopic, serveTopic, type OwnedTopic } from './segment-peers.ts';
import { SegmentReader } from './segment-reader.ts';
import { completeSettings, type SegmentSettings } from './segment-settings.ts';
import { checkShared, createSegmentShared, SharedSlot } from './segment-shared.ts';
import { SlotSignal } from './slot-signal.ts';

/** The embedded log, as one thread sees it. */
export interface SegmentStream extends Stream {
  /** Lets another thread append to (and release) `topic`, which this one owns, through `port`. */
  serveAppends(topic: Topic, port: MessagePort): void;
}

export type SegmentStreamParams = Readonly<{
  directory: string;
  /** P. */
  partitions: number;
  /** `createSegmentShared(partitions)`, the same for all threads; left out: one thread alone. */
  shared?: SharedArrayBuffer;
  /** The topics that this thread, and no other, appends to. */
  owns: readonly Topic[];
  /** For topics that others own: a port whose other end was given to their `serveAppends`. */
  peers?: ReadonlyMap<Topic, MessagePort>;
  clock: Clock;
  log: Log;
  settings?: Partial<SegmentSettings>;
  /** Left out: the machine's files. */
  files?: SegmentFiles;
}>;

/**
 * Opens the log in `directory`, creating it when there is none: `log.json`, and
 * `<topic>/<partition>/<base offset>.seg`. Owned partitions are recovered first. The directory
 * must be this process's alone (`lockDirectory`): here only threads are kept apart.
 *
 * @throws StreamError STREAM_PARTITIONS, STREAM_VERSION, STREAM_CORRUPT, STREAM_FORBIDDEN,
 *   STREAM_OWNED (permanent), STREAM_FULL, STREAM_BROKEN (transient).
 */
export async function openSegmentStream(params: SegmentStreamParams): Promise<SegmentStream> {
  const { directory, partitions } = params;
  const shared = params.shared ?? createSegmentShared(partitions);
  checkShared(shared, partitions);
  const context: Context = {
    ...params,
    shared,
    settings: completeSettings(params.settings),
    files: params.files ?? nodeFiles,
  };
  const owned = new Map<Topic, readonly PartitionLog[]>();
  try {
    await prepareDirectory(context);
    for (const topic of params.owns) owned.set(topic, await openTopic(context, topic));
  } catch (error) {
    await closeAll(owned);
    throw translateFileError(error, {
      where: directory,
      doing: 'open the log',
      effect: 'Nothing was changed or lost.',
    });
  }
  return new OpenSegmentStream(context, owned);
}

type Context = Omit<SegmentStreamParams, 'settings'> &
  Readonly<{ shared: SharedArrayBuffer; settings: SegmentSettings; files: SegmentFiles }>;

async function prepareDirectory(context: Context): Promise<void> {
  const { files, directory, partitions, owns } = context;
  if (owns.length === 0) {
    const found = await readLogFile(files, directory);
    if (found !== undefined) checkPartitions(directory, found.partitions, partitions);
    return;
  }
  await makeDurableDirectory(files, directory);
  await fixPartitions(files, directory, partitions);
}

async function openTopic(context: Context, topic: Topic): Promise<readonly PartitionLog[]> {
  const { files, directory, partitions, shared, clock, log, settings } = context;
  await makeDurableDirectory(files, join(directory, topic));
  const inFlight = { bytes: 0 };
  const logs: PartitionLog[] = [];
  const topicBytes = (): number => logs.reduce((sum, { bytes }) => sum + bytes, 0);
  const opened = await Promise.allSettled(
    Array.from({ length: partitionsOf(topic, partitions) }, async (_, partition) => {
      const path = partitionDirectory(directory, topic, partition);
      await makeDurableDirectory(files, path);
      const slot = new SharedSlot(shared, topic, partition);
      const base = { files, directory: path, topic, partition, slot, clock, log, settings };
      return PartitionLog.open({ ...base, inFlight, topicBytes });
    }),
  );
  for (const result of opened) if (result.status === 'fulfilled') logs.push(result.value);
  const failed = opened.find((result) => result.status === 'rejected');
  if (failed === undefined) return logs;
  await Promise.all(logs.map((opening) => opening.close()));
  throw failed.reason;
}

function partitionDirectory(directory: string, topic: Topic, partition: number): string {
  return join(directory, topic, String(partition));
}

/**
 * Also of one that is there its entry is flushed: whoever made it may have been killed, or failed,
 * before that was done.
 */
async function makeDurableDirectory(files: SegmentFiles, path: string): Promise<void> {
  let isMade: boolean;
  try {
    isMade = await files.makeDirectory(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' || dirname(path) === path) throw error;
    await makeDurableDirectory(files, dirname(path));
    return await makeDurableDirectory(files, path);
  }
  try {
    await files.flushDirectory(dirname(path));
  } catch (error) {
    // Made by somebody who may look into the one above, which we may not.
    if (isMade || errnoOf(error) !== 'EACCES') throw error;
  }
}

async function closeAll(owned: ReadonlyMap<Topic, readonly PartitionLog[]>): Promise<void> {
  await Promise.all([...owned.values()].flat().map((log) => log.close()));
}

class OpenSegmentStream implements SegmentStream {
  readonly partitions: number;
  readonly #context: Context;
  readonly #owned: ReadonlyMap<Topic, readonly PartitionLog[]>;
  readonly #peers = new Map<Topic, PeerTopic>();
  readonly #slots = new Map<string, Readonly<{ slot: SharedSlot; signal: SlotSignal }>>();
  readonly #readers = new Set<SegmentReader>();
  readonly #stopServing = new Set<() => void>();
  #closed = false;

  constructor(context: Context, owned: ReadonlyMap<Topic, readonly PartitionLog[]>) {
    this.#context = context;
    this.#owned = owned;
    this.partitions = context.partitions;
    const { inFlightBytesMax } = context.settings;
    for (const [topic, port] of context.peers ?? []) {
      this.#peers.set(topic, new PeerTopic({ topic, port, inFlightBytesMax }));
    }
    for (const topic of TOPICS) {
      const count = partitionsOf(topic, this.partitions);
      for (let partition = 0; partition < count; partition += 1) {
        const slot = new SharedSlot(context.shared, topic, partition);
        this.#slots.set(partitionName(topic, partition), { slot, signal: new SlotSignal(slot) });
      }
    }
  }

  producer(): Producer {
    let unsettled = 0;
    let closing: Promise<void> | undefined;
    let settled: () => void = () => undefined;
    const settle = (): void => {
      unsettled -= 1;
      if (unsettled === 0) settled();
    };
    const onDurable = (result: AppendResult): AppendResult => {
      settle();
      return result;
    };
    const onFailed = (error: unknown): never => {
      settle();
      throw error;
    };
    return {
      append: (topic, partition, payload) => {
        if (closing !== undefined) return Promise.reject(closedStream('This producer'));
        const appended = this.#append(topic, partition, payload);
        unsettled += 1;
        // Not beside it: a failure that nobody looks at would count as looked at.
        return appended.then(onDurable, onFailed);
      },
      close: () => {
        closing ??= new Promise((resolve) => {
          settled = resolve;
          if (unsettled === 0) resolve();
        });
        return closing;
      },
    };
  }

  reader(topic: Topic, partition: number, position: number): PartitionReader {
    checkPartition(topic, partition, this.partitions);
    const { files, directory, clock, settings } = this.#context;
    const reader = new SegmentReader({
      files,
      directory: partitionDirectory(directory, topic, partition),
      topic,
      partition,
      position,
      ...this.#slots.get(partitionName(topic, partition))!,
      clock,
      readBytesMax: settings.readBytesMax,
      onClose: () => this.#readers.delete(reader),
    });
    if (this.#closed) void reader.close();
    else this.#readers.add(reader);
    return reader;
  }

  async bounds(topic: Topic, partition: number): Promise<PartitionBounds> {
    this.#check(topic, partition);
    const { clock, settings } = this.#context;
    const where = partitionName(topic, partition);
    const { slot, signal } = this.#slots.get(where)!;
    await signal.wait({
      clock,
      waitMs: settings.ownerWaitMs,
      signal: undefined,
      ready: () => this.#closed || slot.read() !== undefined,
    });
    const published = slot.read();
    if (published === undefined) throw closedStream(`${where}, which no thread has opened,`);
    return { start: published.start, end: published.end };
  }

  async release(topic: Topic, partition: number, position: number): Promise<void> {
    this.#check(topic, partition);
    checkReleasable(topic);
    await this.#ownerOf(topic).release(partition, position);
  }

  serveAppends(topic: Topic, port: MessagePort): void {
    const logs = this.#owned.get(topic);
    if (logs === undefined) throw noWayTo(topic);
    const stop = serveTopic(port, this.#ownedTopic(topic, logs));
    this.#stopServing.add(stop);
    port.once('close', () => this.#stopServing.delete(stop));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const stop of this.#stopServing) stop();
    for (const peer of this.#peers.values()) peer.close();
    for (const { signal } of this.#slots.values()) signal.wake();
    await Promise.all([...this.#readers].map((reader) => reader.close()));
    await closeAll(this.#owned);
  }

  #append(topic: Topic, partition: number, payload: Uint8Array): Promise<AppendResult> {
    const log = this.#closed ? undefined : this.#owned.get(topic)?.[partition];
    return log === undefined
      ? this.#appendElsewhere(topic, partition, payload)
      : log.append(payload);
  }

  async #appendElsewhere(
    topic: Topic,
    partition: number,
    payload: Uint8Array,
  ): Promise<AppendResult> {
    this.#check(topic, partition);
    return await this.#ownerOf(topic).append(partition, payload);
  }

  #ownerOf(topic: Topic): OwnedTopic {
    const logs = this.#owned.get(topic);
    if (logs !== undefined) return this.#ownedTopic(topic, logs);
    const peer = this.#peers.get(topic);
    if (peer === undefined) throw noWayTo(topic);
    return peer;
  }

  #ownedTopic(topic: Topic, logs: readonly PartitionLog[]): OwnedTopic {
    const logOf = (partition: number): PartitionLog => {
      checkPartition(topic, partition, this.partitions);
      return logs[partition]!;
    };
    return {
      append: async (partition, payload) => logOf(partition).append(payload),
      release: async (partition, position) => logOf(partition).release(position),
    };
  }

  #check(topic: Topic, partition: number): void {
    if (this.#closed) throw closedStream('The log');
    checkPartition(topic, partition, this.partitions);
  }
}
