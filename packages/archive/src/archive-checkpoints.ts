import {
  CheckpointScan,
  newestFirst,
  type PlacedManifest,
  type ScannedCheckpoint,
} from '@millrace/checkpoint';
import { TOPIC_CHECKPOINTS, type Stream } from '@millrace/stream';
import type { ArchiveFiles } from './archive-files.ts';
import type { ArchiveSection } from './archive-settings.ts';
import { ArchivedRanges, readManifest } from './archived-ranges.ts';
import type { RangeManifest } from './manifest.ts';
import { manifestName, type RangeKey } from './range.ts';
import { writeRange } from './write-range.ts';

export interface CheckpointArchiverParts {
  stream: Stream;
  files: ArchiveFiles;
  onArchived: (range: RangeManifest) => void;
  onTooLarge: (partition: number, pagesBytes: number) => void;
}

interface Tracked {
  ranges: ArchivedRanges;
  /** When the newest one that is archived was made; -Infinity: there is none. */
  madeAtUs: number;
  /** What reading all of them came to, up to the manifest at that offset. */
  read: Readonly<{ to: number; newest: ScannedCheckpoint | undefined }> | undefined;
}

/** The file of a larger one would not fit into memory; the log's beginning is archived as well. */
const PAGES_BYTES_MAX = 512 * 1024 * 1024;

/**
 * Copies a checkpoint now and then, so that the past can be folded from there on and not from the
 * log's beginning. One that is not whole is of no use, and is not copied.
 */
export class CheckpointArchiver {
  readonly #parts: CheckpointArchiverParts;
  readonly #checkpointMs: number;
  readonly #tracked = new Map<number, Tracked>();

  constructor(
    parts: CheckpointArchiverParts,
    { checkpointMs }: Pick<ArchiveSection, 'checkpointMs'>,
  ) {
    this.#parts = parts;
    this.#checkpointMs = checkpointMs;
  }

  /** Archives the newest one, when the one before it is old enough. */
  async archive(
    partition: number,
    logId: string,
    { nowUs, signal }: Readonly<{ nowUs: number; signal?: AbortSignal | undefined }>,
  ): Promise<void> {
    const key: RangeKey = { topic: TOPIC_CHECKPOINTS, partition, logId };
    const tracked = await this.#trackedOf(key, signal);
    const dueUs = tracked.madeAtUs + this.#checkpointMs * 1000;
    if (nowUs < dueUs) return;
    const latest = await this.#latest(key, signal);
    if (latest === undefined || latest.manifest.madeAtUs < dueUs) return;
    if (tracked.read?.to !== latest.offset) {
      const newest = await this.#newestWhole(key, dueUs, signal);
      tracked.read = { to: latest.offset, newest };
    }
    const { newest } = tracked.read;
    if (newest === undefined) return;
    const { manifest, offset } = newest;
    const { checkpointId, position, partitionTimeUs, madeAtUs, pagesBytes } = manifest;
    if (pagesBytes > PAGES_BYTES_MAX) {
      tracked.madeAtUs = madeAtUs;
      this.#parts.onTooLarge(partition, pagesBytes);
      return;
    }
    const from = manifest.chunkCount > 0 ? manifest.firstChunkOffset : offset;
    const range = { from, to: offset + 1 };
    const checkpoint = { checkpointId, position, partitionTimeUs, madeAtUs };
    const wanted = { key, ...range, previousSha256: null, samplesTable: false };
    const archived = await writeRange(this.#parts, { ...wanted, checkpoint, signal });
    tracked.madeAtUs = madeAtUs;
    this.#parts.onArchived(archived);
    tracked.ranges.note({ ...key, ...range, name: manifestName(key, range) });
  }

  /** What is somebody else's now need not be remembered. */
  keepOnly(partitions: readonly number[]): void {
    for (const partition of this.#tracked.keys()) {
      if (!partitions.includes(partition)) this.#tracked.delete(partition);
    }
  }

  /** By its manifest alone, which says nothing of whether it is whole. */
  async #latest(
    { partition, logId }: RangeKey,
    signal: AbortSignal | undefined,
  ): Promise<PlacedManifest | undefined> {
    const { stream } = this.#parts;
    for await (const placed of newestFirst({ stream, partition, signal })) {
      if (placed.manifest.logId === logId) return placed;
    }
    return undefined;
  }

  async #newestWhole(
    { partition, logId }: RangeKey,
    dueUs: number,
    signal: AbortSignal | undefined,
  ): Promise<ScannedCheckpoint | undefined> {
    const { stream } = this.#parts;
    const scan = new CheckpointScan({ stream, partition, signal });
    await scan.follow();
    return scan.found.findLast(
      ({ fault, manifest }) =>
        fault === undefined && manifest.logId === logId && manifest.madeAtUs >= dueUs,
    );
  }

  async #trackedOf(key: RangeKey, signal: AbortSignal | undefined): Promise<Tracked> {
    const known = this.#tracked.get(key.partition);
    if (known?.ranges.key.logId === key.logId) return known;
    const ranges = new ArchivedRanges(this.#parts.files, key);
    const last = (await ranges.follow(signal)).at(-1);
    const manifest =
      last === undefined ? undefined : await readManifest(this.#parts.files, last, signal);
    const madeAtUs = manifest?.checkpoint?.madeAtUs ?? -Infinity;
    const tracked = { ranges, madeAtUs, read: undefined };
    this.#tracked.set(key.partition, tracked);
    return tracked;
  }
}
