import { TOPIC_CHECKPOINTS, TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { CheckpointScan, type ScannedCheckpoint } from './checkpoint-scan.ts';
import type { CheckpointSection } from './checkpoint-settings.ts';

/** What of a partition is folded and stored for good. */
export interface DonePosition {
  logId: string;
  /** Everything below it is. */
  position: number;
}

/** How far the log of a partition is archived; 0: nothing of it is, as far as it is known. */
export type ArchivedTo = (partition: number, logId: string) => number | Promise<number>;

/**
 * Lets the log forget events and checkpoints of partitions. INVARIANT: the log holds all events
 * from a checkpoint on that is whole and not ahead of the store; so state and results can be made
 * again, whatever is lost beside the log. A checkpoint counts when it has been read. Where there is
 * an archive, the log also holds all events that are not in it yet.
 */
export class CheckpointRetention {
  readonly #stream: Stream;
  readonly #archivedTo: ArchivedTo;
  readonly #settings: Pick<CheckpointSection, 'keptCount' | 'keptBytesMax'>;
  readonly #scans = new Map<number, CheckpointScan>();

  constructor(
    components: Readonly<{
      stream: Stream;
      /** Left out: there is no archive. */
      archivedTo?: ArchivedTo | undefined;
    }>,
    settings: Pick<CheckpointSection, 'keptCount' | 'keptBytesMax'>,
  ) {
    this.#stream = components.stream;
    this.#archivedTo = components.archivedTo ?? (() => Infinity);
    this.#settings = settings;
  }

  /** Rejects when it is not known what is archived: then no event went, and checkpoints did. */
  async release(partition: number, done: DonePosition): Promise<void> {
    const scan = this.#scanOf(partition);
    await scan.follow();
    const whole = scan.found.filter(
      ({ fault, manifest }) => fault === undefined && manifest.logId === done.logId,
    );
    const base = baseOf(await this.#leadingIn(partition, whole), done.position);
    if (base === undefined) return;
    const stream = this.#stream;
    // The event before it stays: by its digest the log is recognised, and so it is by the last one
    // of an archive.
    const archived = await this.#askArchive(partition, done.logId);
    const archivedTo = 'position' in archived ? archived.position : 0;
    const before = Math.min(base.manifest.position, archivedTo) - 1;
    if (before > 0) await stream.release(TOPIC_EVENTS, partition, before);
    // Looked at once more: somebody else may have released events below another one.
    if (!(await this.#leadingIn(partition, whole)).includes(base)) return;
    const from = keptFrom({ found: scan.found, whole, base }, this.#settings);
    await stream.release(TOPIC_CHECKPOINTS, partition, from);
    if ('failure' in archived) throw archived.failure;
  }

  async #askArchive(
    partition: number,
    logId: string,
  ): Promise<{ position: number } | { failure: unknown }> {
    try {
      return { position: await this.#archivedTo(partition, logId) };
    } catch (failure) {
      return { failure };
    }
  }

  /**
   * Those that the log leads on from. The newest may not be among them: a state that was rolled
   * back is older than what the log had to keep for the one before, and so is every copy of it.
   */
  async #leadingIn(
    partition: number,
    whole: readonly ScannedCheckpoint[],
  ): Promise<ScannedCheckpoint[]> {
    const { start } = await this.#stream.bounds(TOPIC_EVENTS, partition);
    return whole.filter(({ manifest: { position } }) => start === 0 || position > start);
  }

  /** What is somebody else's now need not be remembered. */
  keepOnly(partitions: readonly number[]): void {
    for (const partition of this.#scans.keys()) {
      if (!partitions.includes(partition)) this.#scans.delete(partition);
    }
  }

  #scanOf(partition: number): CheckpointScan {
    const known = this.#scans.get(partition);
    if (known !== undefined) return known;
    const scan = new CheckpointScan({ stream: this.#stream, partition });
    this.#scans.set(partition, scan);
    return scan;
  }
}

/** The one with the largest position that is done; of several the newest. */
function baseOf(
  whole: readonly ScannedCheckpoint[],
  position: number,
): ScannedCheckpoint | undefined {
  let base: ScannedCheckpoint | undefined;
  for (const one of whole) {
    if (one.manifest.position > position) continue;
    if (base === undefined || one.manifest.position >= base.manifest.position) base = one;
  }
  return base;
}

/** Where the records of those begin that are kept once everything below `base` is done. */
export function keptFrom(
  checkpoints: Parameters<typeof keptOf>[0],
  settings: Parameters<typeof keptOf>[1],
): number {
  return Math.min(...keptOf(checkpoints, settings).map(firstOffsetOf));
}

/**
 * The newest ones as far as their number and bytes allow, the very newest and `base` always. What
 * is damaged between them takes room as well, and goes with the older ones: whoever makes the next
 * one waits until there is room for it.
 */
function keptOf(
  {
    found,
    whole,
    base,
  }: Readonly<{
    found: readonly ScannedCheckpoint[];
    whole: readonly ScannedCheckpoint[];
    base: ScannedCheckpoint;
  }>,
  { keptCount, keptBytesMax }: Pick<CheckpointSection, 'keptCount' | 'keptBytesMax'>,
): ScannedCheckpoint[] {
  const kept = [base];
  let bytes = 0;
  let age = 0;
  for (const one of found.toReversed()) {
    bytes += one.manifest.pagesBytes;
    if (!whole.includes(one)) continue;
    if (age > 0 && (age >= keptCount || bytes > keptBytesMax)) break;
    kept.push(one);
    age += 1;
  }
  return kept;
}

function firstOffsetOf({ offset, manifest }: ScannedCheckpoint): number {
  return manifest.chunkCount > 0 ? manifest.firstChunkOffset : offset;
}
