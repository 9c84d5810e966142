import { CheckpointRecordKind, type CheckpointManifest, type PagePiece } from '@millrace/wire';
import { checkpointDamaged } from './checkpoint-error.ts';
import { checkpointIdOf } from './checkpoint-id.ts';
import { PagesDigest } from './pages-digest.ts';
import { readRange, type CheckpointPlace } from './read-range.ts';

/** A manifest, and where it lies in the checkpoints partition. */
export interface PlacedManifest {
  offset: number;
  manifest: CheckpointManifest;
}

/**
 * The pages of a checkpoint, every byte of them checked against its manifest.
 *
 * @throws MillraceError CHECKPOINT_DAMAGED, also when part of it was released.
 */
export async function readCheckpoint(
  place: CheckpointPlace,
  { offset, manifest }: PlacedManifest,
): Promise<Map<string, Uint8Array>> {
  const { partition } = place;
  const collector = new PageCollector(manifest);
  const { firstChunkOffset, chunkCount } = manifest;
  if (chunkCount > 0) {
    const range = { from: Math.max(0, firstChunkOffset), to: offset };
    await readRange(place, range, ({ record }) => {
      if (record?.kind !== CheckpointRecordKind.chunk) return;
      if (record.checkpointId === manifest.checkpointId) collector.add(record);
    });
  }
  const fault = collector.finish();
  if (fault !== undefined) throw checkpointDamaged({ partition, offset, detail: fault });
  return collector.pages;
}

/** What the bytes of a manifest say against itself. */
export function manifestFault(manifest: CheckpointManifest): string | undefined {
  if (checkpointIdOf(manifest) === manifest.checkpointId) return undefined;
  return 'its manifest does not fit its id';
}

/** Follows the chunks of one checkpoint: each once, in order, all of them. */
export class ChunkSequence {
  readonly #digest = new PagesDigest();
  #next = 0;
  #fault: string | undefined;

  /** True when the chunk is the next one; a repeated one is passed over. */
  add(chunk: Readonly<{ index: number; pieces: readonly PagePiece[] }>): boolean {
    if (this.#fault !== undefined || chunk.index < this.#next) return false;
    if (chunk.index > this.#next) {
      this.#fault = `chunk ${this.#next} is missing`;
      return false;
    }
    this.#next += 1;
    for (const piece of chunk.pieces) {
      this.#fault ??= this.#digest.add(piece);
      if (this.#fault !== undefined) return false;
    }
    return true;
  }

  /** Undefined when it is all that the manifest names. Once. */
  finish(manifest: CheckpointManifest): string | undefined {
    const fault = this.#fault ?? manifestFault(manifest);
    if (fault !== undefined) return fault;
    const { chunkCount, pageCount, pagesBytes, pagesDigest } = manifest;
    if (this.#next !== chunkCount) return `${this.#next} of ${chunkCount} chunks are there`;
    const sum = this.#digest.finish();
    if (sum === undefined) return 'its last page is cut off';
    if (sum.pageCount !== pageCount || sum.pagesBytes !== pagesBytes) {
      const has = `${sum.pageCount} pages of ${sum.pagesBytes} bytes`;
      return `it has ${has}, not ${pageCount} of ${pagesBytes}`;
    }
    return sum.pagesDigest === pagesDigest ? undefined : 'its pages fail their checksum';
  }
}

/** The same, and keeps the pages. */
class PageCollector {
  readonly pages = new Map<string, Uint8Array>();
  readonly #manifest: CheckpointManifest;
  readonly #sequence = new ChunkSequence();
  #reservedBytes = 0;
  #fault: string | undefined;

  constructor(manifest: CheckpointManifest) {
    this.#manifest = manifest;
  }

  add(chunk: Readonly<{ index: number; pieces: readonly PagePiece[] }>): void {
    if (!this.#sequence.add(chunk)) return;
    for (const { key, at, pageBytes, bytes } of chunk.pieces) {
      if (at === 0) {
        // What a damaged size asks for is not reserved.
        this.#reservedBytes += pageBytes;
        if (this.#reservedBytes > this.#manifest.pagesBytes || this.pages.has(key)) {
          this.#fault ??= `page "${key}" is there twice, or too long`;
        }
        if (this.#fault === undefined) this.pages.set(key, new Uint8Array(pageBytes));
      }
      if (this.#fault === undefined) this.pages.get(key)!.set(bytes, at);
    }
  }

  finish(): string | undefined {
    return this.#fault ?? this.#sequence.finish(this.#manifest);
  }
}
