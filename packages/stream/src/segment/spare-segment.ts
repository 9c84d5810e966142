import { join } from 'node:path';
import type { Log } from '@millrace/runtime';
import { beginSegment, removeIfThere, type OpenSegment } from './segment-file-open.ts';
import type { SegmentFile, SegmentFiles } from './segment-files.ts';
import { SEGMENT_HEADER_BYTES } from './segment-format.ts';
import { SegmentTail } from './segment-tail.ts';
import { zeros } from './zeros.ts';

/** What recovery removes: a process that was killed leaves it. */
const SPARE_FILE_NAME = 'next.seg.tmp';

export type SpareSegmentParams = Readonly<{
  files: SegmentFiles;
  directory: string;
  where: string;
  log: Log;
  /** Zeros that it begins with: see `SegmentSettings.aheadBytes`. */
  aheadBytes: number;
}>;

/**
 * The file of a partition's next segment, made before it is needed: what takes the file system
 * several commits then lies in the way of no append. There is one at most. It has no base before
 * it is taken, so nobody takes it for a segment; whoever cannot have it makes a segment at once.
 */
export class SpareSegment {
  readonly #params: SpareSegmentParams;
  readonly #path: string;
  #preparing: Promise<SegmentFile | undefined> | undefined;

  constructor(params: SpareSegmentParams) {
    this.#params = params;
    this.#path = join(params.directory, SPARE_FILE_NAME);
  }

  /** Begins to make it, unless it is there already, or could not be had since the last `take`. */
  prepare(): void {
    this.#preparing ??= this.#prepare().catch((error: unknown) => {
      const { log, where } = this.#params;
      log.debug({ where, error }, 'Could not make the next segment before it is needed.');
      return undefined;
    });
  }

  /** The tail of a new segment at `base`, which is durable; undefined: there is no spare one. */
  async take(base: number): Promise<SegmentTail | undefined> {
    const file = await this.#preparing;
    this.#preparing = undefined;
    if (file === undefined) return undefined;
    const { files, directory, aheadBytes } = this.#params;
    let segment: OpenSegment;
    try {
      segment = await beginSegment({ files, directory, base }, { file, path: this.#path });
    } catch (error) {
      await file.close();
      throw error;
    }
    return await SegmentTail.open(files, segment, {
      flushedBytes: SEGMENT_HEADER_BYTES,
      filledBytes: Math.max(SEGMENT_HEADER_BYTES, aheadBytes),
    });
  }

  /** Removes it. */
  async drop(): Promise<void> {
    const file = await this.#preparing;
    this.#preparing = undefined;
    if (file === undefined) return;
    await file.close();
    await removeIfThere(this.#params.files, this.#path);
  }

  async #prepare(): Promise<SegmentFile> {
    const { files, aheadBytes } = this.#params;
    await removeIfThere(files, this.#path);
    const file = await files.open(this.#path, 'create');
    try {
      await file.writeThrough(zeros(Math.max(SEGMENT_HEADER_BYTES, aheadBytes)), 0);
    } catch (error) {
      await file.close();
      // A full disk has no room for what nobody needs yet.
      await removeIfThere(files, this.#path);
      throw error;
    }
    return file;
  }
}
