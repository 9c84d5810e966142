import { createBackoff, errorKind, type Clock } from '@millrace/runtime';
import type { CommittedState, StateStore } from '@millrace/state';
import { TOPIC_CHECKPOINTS, type Producer } from '@millrace/stream';
import {
  CheckpointRecordKind,
  encodeCheckpointRecord,
  type CheckpointManifest,
  type PagePiece,
} from '@millrace/wire';
import { stateElsewhere } from './checkpoint-error.ts';
import { checkpointIdOf } from './checkpoint-id.ts';
import { CHUNK_BYTES_MAX, chunkPages, inOrder } from './chunk-pages.ts';
import { PagesDigest, type PagesSum } from './pages-digest.ts';

/** What pages of a state say about themselves. */
export type StateDescription = Pick<
  CheckpointManifest,
  | 'logId'
  | 'logNumber'
  | 'position'
  | 'lastDigest'
  | 'partitionTimeUs'
  | 'stateVersion'
  | 'foldVersion'
>;

/** Reads the pages whole, as an owner does. Throws when they cannot be read. */
export type DescribeState = (pages: ReadonlyMap<string, Uint8Array>) => StateDescription;

export interface CheckpointSources {
  state: StateStore;
  producer: Producer;
  clock: Clock;
  describe: DescribeState;
}

export interface MadeCheckpoint {
  manifest: CheckpointManifest;
  /** Of the manifest's record. */
  offset: number;
  tookMs: number;
}

/** An append that fails so often in a row ends the attempt. */
const APPENDS_MAX = 5;

/**
 * Makes a checkpoint of what is committed of a partition now. Reads it like an owner and changes
 * nothing of it: anybody may, at any time, also two at once. Undefined when nothing is committed.
 * Rejects when it is not complete; what was appended by then means nothing.
 */
export async function makeCheckpoint(
  sources: CheckpointSources,
  params: Readonly<{ partition: number; signal: AbortSignal; chunkBytesMax?: number }>,
): Promise<MadeCheckpoint | undefined> {
  const { state, clock } = sources;
  const { partition, signal, chunkBytesMax = CHUNK_BYTES_MAX } = params;
  const startedUs = clock.nowUs();
  const committed = await state.load(partition);
  if (committed === undefined) return undefined;
  signal.throwIfAborted();
  const description = describeCommitted(sources, partition, committed);
  const pages = inOrder(committed.pages);
  const { sum, chunkCount } = sumOf(pages, chunkBytesMax);
  const content = { ...description, ...sum, chunkCount, madeAtUs: startedUs };
  const checkpointId = checkpointIdOf(content);
  let firstChunkOffset = -1;
  let index = 0;
  for (const pieces of chunkPages(pages, chunkBytesMax)) {
    const payload = encodeChunk(checkpointId, index, pieces);
    const offset = await append(sources, { partition, payload, signal });
    if (index === 0) firstChunkOffset = offset;
    index += 1;
  }
  const manifest: CheckpointManifest = { ...content, checkpointId, firstChunkOffset };
  const payload = encodeCheckpointRecord({ kind: CheckpointRecordKind.manifest, ...manifest });
  const offset = await append(sources, { partition, payload, signal });
  return { manifest, offset, tookMs: Math.round((clock.nowUs() - startedUs) / 1000) };
}

/** A state that cannot be read makes no checkpoint: it would only look like a way back. */
function describeCommitted(
  { describe }: CheckpointSources,
  partition: number,
  { logId, position, pages }: CommittedState,
): StateDescription {
  const description = describe(pages);
  if (description.logId === logId && description.position === position) return description;
  throw stateElsewhere({
    partition,
    committed: `${position} of log ${logId}`,
    inside: `${description.position} of log ${description.logId}`,
  });
}

function sumOf(
  pages: readonly (readonly [string, Uint8Array])[],
  chunkBytesMax: number,
): { sum: PagesSum; chunkCount: number } {
  const digest = new PagesDigest();
  let chunkCount = 0;
  for (const pieces of chunkPages(pages, chunkBytesMax)) {
    for (const piece of pieces) {
      const fault = digest.add(piece);
      if (fault !== undefined) throw new Error(fault);
    }
    chunkCount += 1;
  }
  const sum = digest.finish();
  if (sum === undefined) throw new Error('the last page was cut off');
  return { sum, chunkCount };
}

function encodeChunk(checkpointId: string, index: number, pieces: PagePiece[]): Uint8Array {
  return encodeCheckpointRecord({
    kind: CheckpointRecordKind.chunk,
    checkpointId,
    index,
    pieces,
  });
}

/** One at a time, so that a reader meets the chunks in order; one sent again may be there twice. */
async function append(
  { producer, clock }: CheckpointSources,
  params: Readonly<{ partition: number; payload: Uint8Array; signal: AbortSignal }>,
): Promise<number> {
  const { partition, payload, signal } = params;
  const backoff = createBackoff({ clock });
  for (;;) {
    signal.throwIfAborted();
    try {
      return (await producer.append(TOPIC_CHECKPOINTS, partition, payload)).offset;
    } catch (error) {
      signal.throwIfAborted();
      if (errorKind(error) !== 'transient' || backoff.attempts + 1 >= APPENDS_MAX) throw error;
      await backoff.wait(signal);
    }
  }
}
