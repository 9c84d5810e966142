import { TOPIC_CHECKPOINTS } from '@millrace/stream';
import { CheckpointRecordKind, type CheckpointChunkRecord } from '@millrace/wire';
import { ChunkSequence, type PlacedManifest } from './read-checkpoint.ts';
import { readRange, type CheckpointPlace, type VisitedRecord } from './read-range.ts';

/** A checkpoint as its records are, and undefined or what is wrong with it. */
export interface ScannedCheckpoint extends PlacedManifest {
  fault: string | undefined;
}

/** Chunks whose manifest did not come: an attempt that broke off, or one under way. */
export interface UnfinishedCheckpoint {
  checkpointId: string;
  firstOffset: number;
  chunks: number;
  bytes: number;
}

interface Unfinished extends UnfinishedCheckpoint {
  /** By where they begin: whoever reads it begins where the manifest says, and nowhere else. */
  sequences: Map<number, ChunkSequence>;
}

/** Attempts followed at the same time: more makers than this at once are none of ours. */
const UNFINISHED_MAX = 16;
/** Copies of the first chunk of an attempt that are told apart; it is sent again when in doubt. */
const BEGINNINGS_MAX = 8;
/** Manifests remembered: those of small states may be thousands in one segment. */
const FOUND_MAX = 1000;

/**
 * Follows a partition of `metrics.checkpoints` and checks every byte of it, keeping none: which
 * checkpoints are whole is known from having read them, not from their makers' word.
 */
export class CheckpointScan {
  readonly #place: CheckpointPlace;
  readonly #unfinished = new Map<string, Unfinished>();
  #found: ScannedCheckpoint[] = [];
  #position = 0;
  #unreadable: { offset: number; fault: string }[] = [];

  constructor(place: CheckpointPlace) {
    this.#place = place;
  }

  /** Those with a manifest, oldest first; none of which a part was released. */
  get found(): readonly ScannedCheckpoint[] {
    return this.#found;
  }

  get unfinished(): UnfinishedCheckpoint[] {
    return [...this.#unfinished.values()].map(({ checkpointId, firstOffset, chunks, bytes }) => ({
      checkpointId,
      firstOffset,
      chunks,
      bytes,
    }));
  }

  /** Records that cannot be read. */
  get unreadable(): readonly { offset: number; fault: string }[] {
    return this.#unreadable;
  }

  /** Reads what came since the last call. `onBytes` is told of progress. */
  async follow(onBytes?: (bytes: number) => void): Promise<void> {
    const { stream, partition } = this.#place;
    const { start, end } = await stream.bounds(TOPIC_CHECKPOINTS, partition);
    this.#forgetBelow(start);
    const from = Math.max(this.#position, start);
    await readRange(this.#place, { from, to: end }, (visited) => {
      this.#visit(visited, start);
      this.#position = visited.offset + 1;
      onBytes?.(visited.bytes);
    });
  }

  #visit({ offset, bytes, record, fault }: VisitedRecord, start: number): void {
    if (record === undefined) {
      this.#unreadable = [...this.#unreadable, { offset, fault: fault ?? '' }].slice(-FOUND_MAX);
    } else if (record.kind === CheckpointRecordKind.chunk) this.#addChunk(record, offset, bytes);
    else {
      const { kind: _, ...manifest } = record;
      this.#addManifest({ offset, manifest }, start);
    }
  }

  #addManifest({ offset, manifest }: PlacedManifest, start: number): void {
    const { checkpointId, chunkCount, firstChunkOffset } = manifest;
    if (this.#isFound(checkpointId)) return;
    const { sequences } = this.#unfinished.get(checkpointId) ?? {};
    const sequence = sequences?.get(firstChunkOffset) ?? new ChunkSequence();
    this.#unfinished.delete(checkpointId);
    const isReleased = chunkCount > 0 && firstChunkOffset < start;
    if (isReleased) return;
    const found = { offset, manifest, fault: sequence.finish(manifest) };
    this.#found = [...this.#found, found].slice(-FOUND_MAX);
  }

  #addChunk(chunk: CheckpointChunkRecord, offset: number, bytes: number): void {
    const { checkpointId } = chunk;
    if (this.#isFound(checkpointId)) return;
    let known = this.#unfinished.get(checkpointId);
    if (known === undefined) {
      if (this.#unfinished.size >= UNFINISHED_MAX) {
        const [oldest] = this.#unfinished.keys();
        this.#unfinished.delete(oldest!);
      }
      const sequences = new Map<number, ChunkSequence>();
      known = { checkpointId, firstOffset: offset, chunks: 0, bytes: 0, sequences };
      this.#unfinished.set(checkpointId, known);
    }
    const { sequences } = known;
    const begins = chunk.index === 0 && sequences.size < BEGINNINGS_MAX;
    if (begins) sequences.set(offset, new ChunkSequence());
    for (const sequence of sequences.values()) sequence.add(chunk);
    known.chunks += 1;
    known.bytes += bytes;
  }

  /** What comes then is there twice: its maker did not hear of it, and sent it again. */
  #isFound(checkpointId: string): boolean {
    return this.#found.some(({ manifest }) => manifest.checkpointId === checkpointId);
  }

  #forgetBelow(start: number): void {
    this.#found = this.#found.filter(
      ({ offset, manifest }) =>
        offset >= start && (manifest.chunkCount === 0 || manifest.firstChunkOffset >= start),
    );
    this.#unreadable = this.#unreadable.filter(({ offset }) => offset >= start);
    for (const [id, { firstOffset }] of this.#unfinished) {
      if (firstOffset < start) this.#unfinished.delete(id);
    }
  }
}
