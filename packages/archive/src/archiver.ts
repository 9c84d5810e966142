import type { Clock } from '@millrace/runtime';
import { TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { decodeEventsRecord, EventsRecordKind } from '@millrace/wire';
import { archiveAhead, archiveOtherLog, archiveOtherRecord } from './archive-errors.ts';
import type { ArchiveFiles } from './archive-files.ts';
import type { ArchiveSection } from './archive-settings.ts';
import { ArchivedRanges, readManifest } from './archived-ranges.ts';
import { coveredTo } from './coverage.ts';
import { cutRange, type Cut } from './cut-range.ts';
import { sha256Of } from './digest.ts';
import type { RangeManifest } from './manifest.ts';
import { manifestName, type RangeKey } from './range.ts';
import { readOne } from './read-log.ts';
import { writeRange } from './write-range.ts';

export interface ArchiverParts {
  stream: Stream;
  files: ArchiveFiles;
  clock: Clock;
  onArchived: (range: RangeManifest, tookMs: number) => void;
  /** Of these offsets it has nothing, and the log has forgotten them. */
  onGap?: (partition: number, gap: Readonly<{ from: number; to: number }>) => void;
}

export type RangeSettings = Pick<ArchiveSection, 'rangeBytesMax' | 'rangeMsMax' | 'samplesTable'>;

/** How far a partition of the log is archived. */
export interface ArchivedPosition {
  logId: string;
  /** Everything of it that the log may forget lies below. */
  position: number;
}

interface Tracked {
  ranges: ArchivedRanges;
  position: number;
  /** What there was of the next range when it was looked at. */
  open: Cut | undefined;
  /** There was more in the log when it left off. */
  isBehind: boolean;
}

/** Ranges of one partition in one go: others have their turn. */
const RANGES_MAX = 16;

/**
 * Copies the log into the archive, range after range, each as soon as it is closed. Several may do
 * so at once, and any of them may end at any moment: what they put there is the same.
 */
export class Archiver {
  readonly #parts: ArchiverParts;
  readonly #settings: RangeSettings;
  readonly #tracked = new Map<number, Tracked>();

  constructor(parts: ArchiverParts, settings: RangeSettings) {
    this.#parts = parts;
    this.#settings = settings;
  }

  /**
   * Archives what is closed of a partition, whose log has that id; with `isAll` also what is not,
   * up to the log's end. Resolves with how far it is then.
   *
   * @throws MillraceError ARCHIVE_UNREACHABLE, ARCHIVE_REFUSED, ARCHIVE_OTHER_LOG,
   * ARCHIVE_MISREAD, and the log's.
   */
  async archive(
    partition: number,
    logId: string,
    { signal, isAll = false }: Readonly<{ signal?: AbortSignal; isAll?: boolean }> = {},
  ): Promise<ArchivedPosition> {
    const key: RangeKey = { topic: TOPIC_EVENTS, partition, logId };
    const tracked = await this.#trackedOf(key, signal);
    try {
      for (let ranges = 0; isAll || ranges < RANGES_MAX; ranges += 1) {
        const { end } = await this.#parts.stream.bounds(TOPIC_EVENTS, partition);
        const { position: archivedTo } = tracked;
        const { where } = this.#parts.files;
        if (archivedTo > end) throw archiveAhead({ partition, where, archivedTo, end });
        tracked.isBehind = archivedTo < end;
        if (!tracked.isBehind || (!isAll && !this.#mayBeClosed(tracked, end))) break;
        const what = { topic: TOPIC_EVENTS, partition, from: archivedTo, end, signal } as const;
        const cut = await cutRange(this.#parts.stream, what, this.#settings);
        tracked.open = cut.isClosed ? undefined : cut;
        if (!cut.isClosed && !isAll) break;
        await this.#write(key, tracked, cut, signal);
      }
    } catch (error) {
      // Whatever is wrong, the next attempt looks at everything again.
      this.#tracked.delete(partition);
      throw error;
    }
    return { logId, position: tracked.position };
  }

  /** Whether the last call left off although more may be closed. */
  hasMore(partition: number): boolean {
    const tracked = this.#tracked.get(partition);
    return tracked !== undefined && tracked.open === undefined && tracked.isBehind;
  }

  /** What is somebody else's now need not be remembered. */
  keepOnly(partitions: readonly number[]): void {
    for (const partition of this.#tracked.keys()) {
      if (!partitions.includes(partition)) this.#tracked.delete(partition);
    }
  }

  async #trackedOf(key: RangeKey, signal: AbortSignal | undefined): Promise<Tracked> {
    const known = this.#tracked.get(key.partition);
    if (known?.ranges.key.logId === key.logId) return known;
    const ranges = new ArchivedRanges(this.#parts.files, key);
    await ranges.follow(signal);
    const { start } = await this.#parts.stream.bounds(TOPIC_EVENTS, key.partition);
    const covered = coveredTo(ranges.all, start);
    // What was forgotten before there was an archive, or while it was off, is in neither.
    if (covered === undefined && start > 0) {
      const ends = ranges.all.map(({ to }) => to).filter((to) => to < start);
      this.#parts.onGap?.(key.partition, { from: Math.max(0, ...ends), to: start });
    }
    const position = covered ?? start;
    const tracked: Tracked = { ranges, position, open: undefined, isBehind: false };
    this.#tracked.set(key.partition, tracked);
    return tracked;
  }

  /** Reading it again and again, only to find that it is still open, would be for nothing. */
  #mayBeClosed({ open, position }: Tracked, end: number): boolean {
    if (open === undefined || open.from !== position || open.firstUs === undefined) return true;
    const { rangeBytesMax, rangeMsMax } = this.#settings;
    const isOld = this.#parts.clock.nowUs() - open.firstUs >= rangeMsMax * 1000;
    const recordBytes = open.payloadBytes / Math.max(1, open.to - open.from);
    const isLarge = (end - open.from) * recordBytes >= rangeBytesMax;
    // An estimate that is too low is put right in time: what came since counts for twice as much.
    return end > open.to && (isOld || isLarge || end - open.from >= 2 * (open.to - open.from));
  }

  async #write(
    key: RangeKey,
    tracked: Tracked,
    { from, to }: Cut,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { clock, onArchived } = this.#parts;
    const startedUs = clock.nowUs();
    const previousSha256 = await this.#previous(key, tracked, signal);
    const { samplesTable } = this.#settings;
    const wanted = { key, from, to, previousSha256, samplesTable, signal };
    const manifest = await writeRange(this.#parts, wanted);
    tracked.position = to;
    tracked.ranges.note({ ...key, from, to, name: manifestName(key, { from, to }) });
    onArchived(manifest, Math.round((clock.nowUs() - startedUs) / 1000));
  }

  /** The digest of the record before, after seeing that the log goes on with what was archived. */
  async #previous(
    key: RangeKey,
    { ranges, position }: Tracked,
    signal: AbortSignal | undefined,
  ): Promise<string | null> {
    const { stream, files } = this.#parts;
    const { partition } = key;
    const { where } = files;
    if (position === 0) {
      await this.#checkBeginning(key, signal);
      return null;
    }
    const before = ranges.all.filter(({ to }) => to === position).at(-1);
    const { start } = await stream.bounds(TOPIC_EVENTS, partition);
    if (position - 1 < start) return null;
    const offset = position - 1;
    const found = sha256Of(await readOne(stream, { topic: key.topic, partition, offset, signal }));
    if (before === undefined) return found;
    const { lastSha256 } = await readManifest(files, before, signal);
    if (lastSha256 === found) return found;
    throw archiveOtherRecord({ partition, where, offset });
  }

  async #checkBeginning(key: RangeKey, signal: AbortSignal | undefined): Promise<void> {
    const { topic, partition, logId } = key;
    const payload = await readOne(this.#parts.stream, { topic, partition, offset: 0, signal });
    const record = decodeEventsRecord(payload);
    const found = record.kind === EventsRecordKind.log ? record.logId : 'none';
    if (found === logId) return;
    const detail = `its first record is of log ${found}, and the state of log ${logId}`;
    throw archiveOtherLog({ partition, where: this.#parts.files.where, detail });
  }
}
